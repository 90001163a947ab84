"""Our own pictures, as SVG within a page, whose stylesheet gives them their colours."""
