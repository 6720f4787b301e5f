// Makes the tables sortable by their heads; without it they are as they were written.
(() => {
  const UNITS = { k: 1e3, K: 1e3, M: 1e6, G: 1e9, T: 1e12 };
  const value = (cell) => {
    if (cell.dataset.value !== undefined) return Number(cell.dataset.value);
    const text = cell.textContent.replace(/,/g, "").replace("−", "-");
    const found = /^[^\d-]*(-?\d+(?:\.\d+)?)\s*([kKMGT](?![a-z]))?/.exec(text);
    return found ? Number(found[1]) * (UNITS[found[2]] || 1) : null;
  };
  for (const table of document.querySelectorAll("table.sorts")) {
    const body = table.tBodies[0], heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => {
      if (!head.textContent.trim() || head.querySelector(".unseen")) return;
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = head.textContent;
      head.replaceChildren(button);
      const isText = head.classList.contains("text") || column === 0;
      button.addEventListener("click", () => {
        const first = isText ? "ascending" : "descending";
        const other = isText ? "descending" : "ascending";
        const order = head.getAttribute("aria-sort") === first ? other : first;
        heads.forEach((one) => one.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", order);
        const sign = order === "ascending" ? 1 : -1;
        const compare = (a, b) => {
          const [x, y] = [a.cells[column], b.cells[column]];
          if (isText) return sign * x.textContent.localeCompare(y.textContent, "en", { numeric: true });
          const [p, q] = [value(x), value(y)];
          if (p === null || q === null) return (p === null) - (q === null); // what has none is last
          return sign * (p - q);
        };
        body.append(...[...body.rows].sort(compare));
      });
    });
  }
})();
