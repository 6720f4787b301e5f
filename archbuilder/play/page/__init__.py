"""The page: NiceGUI's elements, small components of our own (`editor.js`, `text.js`, `drawing.js`), what joins them."""
