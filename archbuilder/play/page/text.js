// The text of the editor and the server's, kept the same. The page sends what it has after each change; the server says
// up to where it has followed, or sends another text: of another tab, a slider, undo. What was typed meanwhile is then
// merged into that one, by regions. Until the server has written a draft, the browser keeps a copy.
import * as CM from "nicegui-codemirror";

// The region of `from` that `to` replaces: its start, its end, and what stands there in `to`.
function changed(from, to) {
  let start = 0;
  const most = Math.min(from.length, to.length);
  while (start < most && from[start] === to[start]) start++;
  let end = 0;
  while (end < most - start && from[from.length - 1 - end] === to[to.length - 1 - end]) end++;
  return { start, end: from.length - end, text: to.slice(start, to.length - end) };
}

// Merge two changes of one text; where both changed the same characters, the first one wins.
export function merged(base, mine, theirs) {
  if (mine === base || mine === theirs) return { text: theirs, conflict: false };
  if (theirs === base) return { text: mine, conflict: false };
  const [a, b] = [changed(base, mine), changed(base, theirs)];
  const [first, second] = a.start <= b.start && a.end <= b.start ? [a, b] : [b, a];
  if (first.end > second.start) return { text: mine, conflict: true };
  const middle = base.slice(first.end, second.start);
  const text = base.slice(0, first.start) + first.text + middle + second.text + base.slice(second.end);
  return { text, conflict: false };
}

export default {
  template: `<span hidden></span>`,
  props: { target: Number, draft: String, version: Number },
  methods: {
    text() {
      return this.editor.state.doc.toString();
    },
    push() {
      const text = this.text();
      if (text === (this.sent.at(-1)?.text ?? this.base)) return;
      this.sent.push({ number: ++this.count, text });
      this.$emit("typed", { number: this.count, seen: this.seen, text });
    },
    // The server has the text of a number, as its version.
    accept(number, version) {
      const at = this.sent.findIndex((one) => one.number === number);
      if (at < 0) return;
      this.base = this.sent[at].text;
      this.sent.splice(0, at + 1);
      this.known = version;
    },
    // The server has another text; it takes no notice of what was sent before it is seen.
    async set(text, version, seen, force) {
      const view = await this.ready;
      const mine = this.text();
      const base = this.sent.some((one) => one.text === text) ? text : this.base; // whose answer was lost
      const found = force ? { text } : merged(base, mine, text);
      [this.base, this.known, this.seen, this.sent] = [text, version, seen, []];
      this.conflict ||= found.conflict;
      this.show(view, found.text);
      this.complain();
      this.push();
    },
    complain() {
      if (this.conflict) this.$emit("conflict", {});
    },
    show(view, text) {
      const { start, end, text: insert } = changed(this.text(), text);
      if (start === end && !insert) return;
      this.showing = true;
      view.dispatch({ changes: { from: start, to: end, insert } });
      this.showing = false;
    },
    // A version is written as a draft, or saved.
    async kept(version) {
      await this.ready;
      if (version !== this.known || this.text() !== this.base) return;
      this.conflict = false;
      sessionStorage.removeItem(this.key);
    },
    async rename(draft) {
      await this.ready;
      const kept = sessionStorage.getItem(this.key);
      sessionStorage.removeItem(this.key);
      this.key = draft;
      if (kept !== null) sessionStorage.setItem(this.key, kept);
    },
    keep() {
      try {
        sessionStorage.setItem(this.key, JSON.stringify({ base: this.base, text: this.text(), conflict: this.conflict }));
      } catch {
        sessionStorage.removeItem(this.key); // the browser has no room; the server's draft is what there is
      }
    },
    found() {
      try {
        const kept = JSON.parse(sessionStorage.getItem(this.key));
        return typeof kept?.text === "string" && typeof kept?.base === "string" ? kept : null;
      } catch {
        return null;
      }
    },
    hello() {
      this.$emit("hello", {});
    },
  },
  created() {
    this.ready = new Promise((resolve) => (this.resolveReady = resolve));
  },
  async mounted() {
    let element; // the app is mounted after its elements
    do await new Promise((again) => setTimeout(again, 20));
    while (!(element = getElement(this.target))?.editorPromise);
    const view = (this.editor = await element.editorPromise);
    element.emitting = false; // NiceGUI would send changes without saying of which text
    [this.base, this.known, this.seen, this.sent, this.count] = [this.text(), this.version, 0, [], 0];
    [this.key, this.conflict] = [this.draft, false];
    const listener = CM.EditorView.updateListener.of((update) => {
      if (!update.docChanged) return;
      this.keep();
      if (!this.showing) this.push();
    });
    view.dispatch({ effects: CM.StateEffect.appendConfig.of(listener) });
    const kept = this.found();
    if (kept) {
      const { text, conflict } = merged(kept.base, kept.text, this.base);
      this.conflict = conflict || kept.conflict; // what was said may not have arrived
      this.show(view, text);
      this.complain();
      this.push();
    }
    this.resolveReady(view);
    this.hello();
    window.socket?.on("connect", this.hello);
  },
  beforeUnmount() {
    window.socket?.off("connect", this.hello);
  },
};
