// Links from findings to the moments that they are about, and drawings that are wider than the page.

// `#ops-3,9,17` frames all of these operations.
function followMany() {
  const match = location.hash.match(/^#ops-([\d,]+)$/);
  if (!match || !window.report) return;
  const { model, reveal, show } = window.report;
  const rows = match[1].split(",").map((index) => model.opAt(Number(index)))
    .filter((row) => row !== undefined);
  if (!rows.length) {
    document.getElementById("status").textContent =
      "None of these operations is on this page: see history.txt.";
    return;
  }
  reveal(rows[0]);
  const starts = rows.map((row) => model.ops.start[row]);
  const ends = rows.map((row) => model.ops.start[row] + Math.max(model.ops.took[row], 0));
  const from = starts.reduce((a, b) => Math.min(a, b)), to = ends.reduce((a, b) => Math.max(a, b));
  // Where nothing takes any time, a little of what went on before and after.
  const margin = Math.max((to - from) * .1, 3000);
  show(from - margin, to + margin);
  document.getElementById("run").scrollIntoView({ block: "start" });
}
addEventListener("hashchange", followMany);
document.addEventListener("click", (event) => {
  const link = event.target.closest && event.target.closest('a[href^="#ops-"]');
  if (link && link.getAttribute("href") === location.hash) followMany();
});
// The page's program is ready a little later than this.
if (location.hash.startsWith("#ops-")) {
  const wait = setInterval(() => {
    if (window.report) { clearInterval(wait); followMany(); }
  }, 20);
}

// Titles and names stay where they are while a wide drawing moves below them.
for (const box of document.querySelectorAll(".drawing")) {
  // A title that is wider than a narrow screen is set tighter: it cannot be moved into view.
  const title = box.querySelector("svg .head");
  const fit = () => {
    const room = box.clientWidth - 24;
    if (!title || room <= 0) return;
    title.removeAttribute("textLength");
    if (title.getComputedTextLength() <= room) return;
    title.setAttribute("textLength", room);
    title.setAttribute("lengthAdjust", "spacingAndGlyphs");
  };
  new ResizeObserver(fit).observe(box);
  box.addEventListener("scroll", () => {
    for (const group of box.querySelectorAll(".sticky")) {
      group.setAttribute("transform", `translate(${box.scrollLeft} 0)`);
    }
  }, { passive: true });
}
