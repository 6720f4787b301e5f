// A drawing whose boxes can be picked, by pointer and keyboard: Tab enters it, arrow keys move between boxes, Enter picks.
const SMALLEST = 0.8;

// What is written in a box, then its details: who speaks to the page says what can be seen.
const said = (box) =>
  [
    [...box.querySelectorAll(":scope > text")].map((line) => line.textContent).join(" "),
    ...(box.querySelector(":scope > title")?.textContent.split("\n") || []),
  ].join(". ");

export default {
  template: `
    <div class="drawing" :class="{stale}" role="application" :aria-label="label" @click="click" @keydown="key">
      <p v-if="stale" class="stale-note">the last valid text</p>
      <div class="drawing-sheet" :style="{width: scaled}" v-html="shown"></div>
    </div>`,
  props: { svg: String, selected: String, stale: Boolean, label: String, zoom: Number },
  data: () => ({ dark: false, at: "" }),
  computed: {
    shown() {
      // The drawing follows the page's theme, which may differ from the system's.
      const query = /@media \(prefers-color-scheme:\s*dark\)/;
      return (this.svg || "").replace(query, this.dark ? "@media all" : "@media not all");
    },
    scaled() {
      const width = /<svg[^>]* width="([\d.]+)"/.exec(this.svg || "");
      if (!width) return "100%";
      return this.zoom ? `${width[1] * this.zoom}px` : `max(100%, ${width[1] * SMALLEST}px)`; // still to be read
    },
  },
  watch: {
    shown() {
      this.$nextTick(this.prepare);
    },
    selected() {
      this.$nextTick(this.prepare);
    },
  },
  methods: {
    boxes() {
      return [...this.$el.querySelectorAll("g.box[data-name]:not(.removed), g.frame[data-name]")];
    },
    prepare() {
      const boxes = this.boxes();
      const current = boxes.find((box) => box.dataset.name === this.at) || boxes.find((box) => box.matches(".box"));
      for (const box of boxes) {
        box.setAttribute("role", "button");
        box.setAttribute("tabindex", box === current ? "0" : "-1");
        box.setAttribute("aria-label", said(box));
        box.setAttribute("aria-pressed", box.dataset.name === this.selected ? "true" : "false");
        box.classList.toggle("picked", box.dataset.name === this.selected);
      }
    },
    click(event) {
      const box = event.target.closest("g[data-name]");
      if (box && !box.classList.contains("removed")) this.pick(box);
    },
    pick(box) {
      this.at = box.dataset.name;
      this.$emit("pick", box.dataset.name);
      this.prepare();
    },
    key(event) {
      const box = event.target.closest("g[data-name]");
      if (!box) return;
      const boxes = this.boxes().filter((one) => one.matches(".box"));
      const step = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
      if (step) {
        const next = boxes[boxes.indexOf(box) + step];
        if (next) {
          this.at = next.dataset.name;
          this.prepare();
          next.focus();
          next.scrollIntoView({ block: "nearest", inline: "nearest" });
        }
      } else if (event.key === "Enter" || event.key === " ") {
        this.pick(box);
      } else return;
      event.preventDefault();
    },
    theme() {
      this.dark = document.body.classList.contains("body--dark");
    },
  },
  mounted() {
    this.theme();
    this.observer = new MutationObserver(() => this.theme());
    this.observer.observe(document.body, { attributeFilter: ["class"] });
    this.$nextTick(this.prepare);
  },
  beforeUnmount() {
    this.observer?.disconnect();
  },
};
