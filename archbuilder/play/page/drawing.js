// A drawing whose boxes can be picked, by pointer and keyboard: Tab enters it, arrow keys move between boxes, Enter picks.
// Where all of it is to be seen, it is scaled into its place, and panned by dragging when it is zoomed.
const SMALLEST = 0.8;
const ARROWS = { ArrowDown: [0, 1], ArrowUp: [0, -1], ArrowRight: [1, 0], ArrowLeft: [-1, 0] };
const DRAG = 4; // pixels from which on a pointer drags and does not pick

// What is written in a box, then its details: who speaks to the page says what can be seen.
const said = (box) =>
  [
    [...box.querySelectorAll(":scope > text")].map((line) => line.textContent).join(" "),
    ...(box.querySelector(":scope > title")?.textContent.split("\n") || []),
  ].join(". ");

const center = (box) => {
  const { left, top, width, height } = box.getBoundingClientRect();
  return [left + width / 2, top + height / 2];
};

// The box that lies nearest to another one in a direction; what lies aside counts as farther.
function neighbor(box, boxes, [right, down]) {
  const [x, y] = center(box);
  let found, least = Infinity;
  for (const other of boxes) {
    const [dx, dy] = [center(other)[0] - x, center(other)[1] - y];
    const along = dx * right + dy * down;
    const distance = along + 2 * Math.abs(dx * down + dy * right);
    if (along > 1 && distance < least) [found, least] = [other, distance];
  }
  return found;
}

export default {
  template: `
    <div class="drawing" :class="{stale, whole, zoomed: scale}" role="application" :aria-label="label" @click="click"
      @keydown="key" @pointerdown="grab" @pointermove="drag" @pointerup="drop" @pointercancel="drop">
      <p v-if="stale" class="stale-note">the last valid text</p>
      <div class="drawing-sheet" :style="{width: scaled}" v-html="shown"></div>
    </div>`,
  props: { svg: String, selected: String, stale: Boolean, label: String, whole: Boolean },
  data: () => ({ dark: false, at: "", scale: 0, place: [0, 0] }), // a scale of 0 is that which fits
  computed: {
    shown() {
      // The drawing follows the page's theme, which may differ from the system's.
      const query = /@media \(prefers-color-scheme:\s*dark\)/;
      return (this.svg || "").replace(query, this.dark ? "@media all" : "@media not all");
    },
    size() {
      return /<svg[^>]* width="([\d.]+)"[^>]* height="([\d.]+)"/.exec(this.svg || "")?.slice(1).map(Number);
    },
    fitting() {
      return Math.min(1, this.place[0] / this.size[0], this.place[1] / this.size[1]);
    },
    scaled() {
      if (!this.size) return "100%";
      if (!this.whole) return `max(100%, ${this.size[0] * SMALLEST}px)`; // still to be read
      return `${this.size[0] * (this.scale || this.fitting)}px`;
    },
  },
  watch: {
    shown() {
      this.$nextTick(this.prepare);
    },
    selected() {
      this.at = this.selected || this.at; // which may have been picked in a table
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
    // Scale by a factor, the middle of what is seen staying where it is; by 0, fit all of it.
    zoom(factor) {
      const el = this.$el;
      const [x, y] = [el.scrollLeft + el.clientWidth / 2, el.scrollTop + el.clientHeight / 2];
      const before = this.scale || this.fitting;
      this.scale = factor && before * factor;
      const grown = (this.scale || this.fitting) / before;
      this.$nextTick(() => el.scrollTo(x * grown - el.clientWidth / 2, y * grown - el.clientHeight / 2));
    },
    grab(event) {
      if (this.scale && event.pointerType === "mouse" && event.button === 0)
        this.grabbed = { x: event.clientX, y: event.clientY, left: this.$el.scrollLeft, top: this.$el.scrollTop };
      this.dragged = false;
    },
    drag(event) {
      if (!this.grabbed) return;
      const [dx, dy] = [event.clientX - this.grabbed.x, event.clientY - this.grabbed.y];
      if (!this.dragged && Math.hypot(dx, dy) < DRAG) return;
      if (!this.dragged) this.$el.setPointerCapture(event.pointerId);
      this.dragged = true;
      this.$el.scrollTo(this.grabbed.left - dx, this.grabbed.top - dy);
    },
    drop() {
      this.grabbed = null;
    },
    click(event) {
      const box = event.target.closest("g[data-name]");
      if (box && !this.dragged && !box.classList.contains("removed")) this.pick(box, false);
    },
    pick(box, keyed) {
      this.at = box.dataset.name;
      this.$emit("pick", { name: box.dataset.name, keyed });
      this.prepare();
    },
    // Move the focus to the box that was picked last.
    focus() {
      this.boxes().find((box) => box.dataset.name === this.at)?.focus();
    },
    key(event) {
      const box = event.target.closest("g[data-name]");
      if (!box) return;
      if (ARROWS[event.key]) {
        const next = neighbor(box, this.boxes().filter((one) => one.matches(".box")), ARROWS[event.key]);
        if (next) {
          this.at = next.dataset.name;
          this.prepare();
          next.focus({ preventScroll: true });
          next.scrollIntoView({ block: "nearest", inline: "nearest" });
        }
      } else if (event.key === "Enter" || event.key === " ") {
        this.pick(box, true);
      } else return;
      event.preventDefault();
    },
    theme() {
      this.dark = document.body.classList.contains("body--dark");
    },
    measure() {
      const style = getComputedStyle(this.$el);
      const inner = (outer, ...sides) => outer - sides.reduce((sum, side) => sum + parseFloat(style[`padding${side}`]), 0);
      const { clientWidth, clientHeight } = this.$el;
      // While it fits there are no scrollbars; zoomed, those take of the place, which is not to shrink what fits.
      if (!this.scale) this.place = [inner(clientWidth, "Left", "Right"), inner(clientHeight, "Top", "Bottom")];
    },
  },
  mounted() {
    this.theme();
    this.observer = new MutationObserver(() => this.theme());
    this.observer.observe(document.body, { attributeFilter: ["class"] });
    this.sizes = new ResizeObserver(() => this.measure());
    this.sizes.observe(this.$el);
    this.$nextTick(this.prepare);
  },
  beforeUnmount() {
    this.observer?.disconnect();
    this.sizes?.disconnect();
  },
};
