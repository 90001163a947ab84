"""The page's translations: a line for each new sentence, none for those that are gone (`make languages`).

What is new has an empty `msgstr`, to be filled in.
"""

import sys
from io import BytesIO

from babel.messages.pofile import write_po

from tests.rig.languages import TRANSLATIONS, forms, spoken, translated

HEAD = r"""msgid ""
msgstr ""
"Language: {language}\n"
"Content-Type: text/plain; charset=UTF-8\n"
"Plural-Forms: {plural_forms}\n"
"""


def main() -> None:
    sentences = spoken()
    for language, path in TRANSLATIONS.items():
        catalog = translated(language)
        catalog.update(sentences, no_fuzzy_matching=True)
        catalog.obsolete.clear()
        body = BytesIO()
        write_po(body, catalog, width=110, no_location=True, omit_header=True, sort_output=True)
        head = HEAD.format(language=language, plural_forms=catalog.plural_forms)
        path.write_text(f"{head}\n{body.getvalue().decode().strip()}\n", "utf-8")
        missing = [each for each in catalog if each.id and not all(forms(each.string))]
        sys.stdout.write(f"{language}: {len(catalog)} sentences, {len(missing)} without a translation\n")


if __name__ == "__main__":
    main()
