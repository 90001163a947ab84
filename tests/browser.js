// What is cut off or lies over something else, in words.
() => {
  const faults = [];
  const told = (each) => `<${each.tagName.toLowerCase()} class="${each.getAttribute("class") ?? ""}"> ${each.textContent.trim().slice(0, 60)}`;
  const isHidden = (each) => each.closest(".hidden, .skip, option") !== null;
  const isShown = (each) => each.checkVisibility({ visibilityProperty: true, opacityProperty: true }) && !isHidden(each);
  const isOver = (a, b) =>
    Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1 && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 1;
  const overlapping = (parts, rectsOf) => {
    const boxes = parts.map((each) => [each, rectsOf(each)]);
    boxes.forEach(([one, ones], place) => {
      for (const [other, others] of boxes.slice(place + 1)) {
        if (one.contains(other) || other.contains(one)) continue;
        if (ones.some((a) => others.some((b) => isOver(a, b)))) faults.push(`${told(one)} overlaps ${told(other)}`);
      }
    });
  };

  const root = document.documentElement;
  if (root.scrollWidth > root.clientWidth) faults.push(`the page is ${root.scrollWidth} wide`);
  for (const each of document.body.querySelectorAll("*:not(svg *)")) {
    if (!isShown(each)) continue;
    const box = each.getBoundingClientRect();
    if (box.right > root.clientWidth + 1 || box.left < -1) faults.push(`${told(each)} is out of the window`);
    // a choice shows the end of a long one when it is opened; some releases count all of it as its width
    const isWider = each.tagName !== "SELECT" && each.clientWidth && each.scrollWidth > each.clientWidth + 1;
    if (isWider) faults.push(`${told(each)} is wider than its box`);
    const isCut = getComputedStyle(each).overflowY === "hidden" && each.scrollHeight > each.clientHeight + 1;
    if (isCut) faults.push(`${told(each)} is higher than its box`);
  }
  overlapping([...document.querySelectorAll("a, button, input, select, textarea, summary")].filter(isShown), (each) => [
    ...each.getClientRects(),
  ]);
  for (const picture of [...document.querySelectorAll("svg")].filter(isShown)) {
    const frame = (picture.closest("figure") ?? picture).getBoundingClientRect(); // words hang over the edges of the plot
    const texts = [...picture.querySelectorAll("text")].filter(isShown);
    for (const each of texts) {
      const box = each.getBoundingClientRect();
      if (box.left < frame.left - 1 || box.right > frame.right + 1 || box.top < frame.top - 1 || box.bottom > frame.bottom + 1)
        faults.push(`${told(each)} is out of its picture`);
    }
    overlapping(texts, (each) => [each.getBoundingClientRect()]);
  }
  return faults;
}
