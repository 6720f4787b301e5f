// What NiceGUI's CodeMirror has no interface for: errors at their places, completions, selections. It adds extensions to
// the editor whose element it names, by CodeMirror's own `appendConfig`.
import * as CM from "nicegui-codemirror";

const setMarks = CM.StateEffect.define();

class Message extends CM.WidgetType {
  constructor(text) {
    super();
    this.text = text;
  }
  eq(other) {
    return other.text === this.text;
  }
  toDOM() {
    const span = document.createElement("span");
    span.className = "spec-message";
    span.textContent = this.text;
    span.setAttribute("aria-hidden", "true"); // the list of errors says the same
    return span;
  }
}

// Python counts code points, CodeMirror UTF-16 units; they differ after characters such as emoji.
const units = (text, points) => (/[\uD800-\uDBFF]/.test(text) ? [...text].slice(0, points).join("").length : points);
const points = (text, unit) => [...text.slice(0, unit)].length;

const field = CM.StateField.define({
  create: () => CM.Decoration.none,
  update(set, transaction) {
    set = set.map(transaction.changes);
    for (const effect of transaction.effects) if (effect.is(setMarks)) set = decorations(transaction.state, effect.value);
    return set;
  },
  provide: (own) => CM.EditorView.decorations.from(own),
});

function decorations(state, marks) {
  const text = state.doc.toString();
  const found = [];
  const lines = new Set();
  for (const mark of marks) {
    const from = Math.min(units(text, mark.start), text.length);
    const to = Math.min(units(text, mark.end), text.length);
    const line = state.doc.lineAt(from);
    if (!lines.has(line.number)) {
      found.push(CM.Decoration.line({ class: "spec-error-line" }).range(line.from));
      found.push(CM.Decoration.widget({ widget: new Message(mark.message), side: 1 }).range(line.to));
      lines.add(line.number);
    }
    if (to > from) {
      const attributes = { title: [mark.message, ...mark.notes].join("\n") };
      found.push(CM.Decoration.mark({ class: "spec-error", attributes }).range(from, to));
    }
  }
  return CM.Decoration.set(found, true);
}

export default {
  template: `<span hidden></span>`,
  props: { target: Number, label: String, most: Number },
  data: () => ({ pending: {}, count: 0 }),
  methods: {
    async view() {
      return await this.ready;
    },
    async mark(marks, length) {
      const view = await this.view();
      if (view.state.doc.length && length !== points(view.state.doc.toString(), view.state.doc.length)) return; // typed on
      view.dispatch({ effects: setMarks.of(marks) });
    },
    async select(start, end, focus) {
      const view = await this.view();
      const text = view.state.doc.toString();
      const anchor = Math.min(units(text, start), text.length);
      const head = Math.min(units(text, end), text.length);
      view.dispatch({
        selection: { anchor, head },
        effects: CM.EditorView.scrollIntoView(anchor, { y: "center" }),
      });
      if (!focus) return;
      view.focus();
      view.dom.scrollIntoView({ block: "nearest" });
    },
    answer(number, start, options) {
      const [resolve, text, position] = this.pending[number] || [];
      delete this.pending[number];
      if (!resolve) return;
      const colon = /^[\w.$-]*\s*:/.test(text.slice(position)) ? "" : ": ";
      resolve({
        from: units(text, start),
        options: options.map(({ label, detail, kind }, place) => ({
          label,
          detail,
          type: kind,
          apply: kind === "key" ? label + colon : label,
          boost: -Math.min(place, 98) / 2, // the order is ours, among those that match alike
        })),
        validFor: /^[\w.$-]*$/,
      });
    },
    source(context) {
      const line = context.state.doc.lineAt(context.pos);
      const before = line.text.slice(0, context.pos - line.from);
      if (!context.explicit && !/[\w$-]$|[{,]\s*$|:\s$|-\s$/.test(before)) return null;
      const number = ++this.count;
      const text = context.state.doc.toString();
      return new Promise((resolve) => {
        this.pending[number] = [resolve, text, context.pos];
        context.addEventListener("abort", () => resolve(null));
        this.$emit("complete", { number, offset: points(text, context.pos) });
        setTimeout(() => resolve(null), 3000);
      });
    },
    theme() {
      const dark = document.body.classList.contains("body--dark");
      getElement(this.target).setTheme(dark ? "githubDark" : "githubLight");
    },
  },
  created() {
    this.ready = new Promise((resolve) => (this.resolveReady = resolve));
  },
  async mounted() {
    let editor; // the app is mounted after its elements
    do await new Promise((again) => setTimeout(again, 20));
    while (!(editor = getElement(this.target)?.editorPromise));
    const view = await editor;
    const sources = [{ autocomplete: (context) => this.source(context) }]; // the same at each call, or it asks again
    view.dispatch({
      effects: CM.StateEffect.appendConfig.of([
        field,
        CM.EditorState.changeFilter.of((change) => {
          const fits = change.newDoc.length <= this.most || change.newDoc.length < change.startState.doc.length;
          if (!fits) this.$emit("full", {});
          return fits; // a longer text would not reach the server
        }),
        CM.EditorView.scrollHandler.of((shown, range, { y }) => {
          if (y !== "center") return false; // the cursor is followed as usual
          const line = shown.lineBlockAt(range.head);
          shown.scrollDOM.scrollTop = line.top - (shown.scrollDOM.clientHeight - line.height) / 2;
          return true; // a selection scrolls the editor, not the page
        }),
        CM.EditorState.languageData.of(() => sources),
        CM.EditorView.contentAttributes.of({ "aria-label": this.label, tabindex: "0" }),
      ]),
    });
    this.theme();
    this.observer = new MutationObserver(() => this.theme());
    this.observer.observe(document.body, { attributeFilter: ["class"] });
    this.resolveReady(view);
    this.$emit("ready", {});
  },
  beforeUnmount() {
    this.observer?.disconnect();
  },
};
