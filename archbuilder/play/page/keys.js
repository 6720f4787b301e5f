// The keys of the whole page: save, undo and redo, wherever the focus is. The document's history is the only one: the
// editor's and the browser's own, which a menu or a gesture asks for too, would be recorded as edits of it.
const KEYS = { s: "save", z: "undo", y: "redo", "shift z": "redo" };
const INPUTS = { historyUndo: "undo", historyRedo: "redo" };
const isMac = /Mac|iP/.test(navigator.platform);

const inEditor = (target) => target.closest?.(".cm-content");
const inDialog = (target) => target.closest?.("[role=dialog]");

export default {
  template: `<span hidden></span>`,
  methods: {
    key(event) {
      if (event.altKey || !(isMac ? event.metaKey : event.ctrlKey)) return;
      // Other alphabets have the letters on the same keys.
      const letter = /^[a-z]$/i.test(event.key) ? event.key : event.code.replace("Key", "");
      this.answer(event, KEYS[(event.shiftKey ? "shift " : "") + letter.toLowerCase()]);
    },
    input(event) {
      const what = INPUTS[event.inputType];
      if (what && inEditor(event.target)) this.answer(event, what);
      else if (event.target.matches?.("input, textarea")) this.edited = event.target;
    },
    answer(event, what) {
      const isAsked = inDialog(event.target);
      if (!what || (what !== "save" && (isAsked || event.target === this.edited))) return;
      event.preventDefault();
      event.stopPropagation();
      if (!isAsked) this.$emit(what);
    },
    // What was typed into a field is its own to undo until it is taken over.
    taken() {
      this.edited = null;
    },
  },
  mounted() {
    this.listeners = { keydown: this.key, beforeinput: this.input, change: this.taken, focusout: this.taken };
    for (const [name, listener] of Object.entries(this.listeners)) window.addEventListener(name, listener, true);
  },
  beforeUnmount() {
    for (const [name, listener] of Object.entries(this.listeners)) window.removeEventListener(name, listener, true);
  },
};
