// A drawing becomes part of the page: with the mouse on a message or an operation, it shows all of
// it. A click opens the drawing in full size, as in the text it is as wide as a line.
for (const drawing of document.querySelectorAll('main img[src$=".svg"]')) {
  const link = document.createElement("a");
  link.href = drawing.src;
  link.target = "_blank";
  link.title = "Open the drawing in full size";
  drawing.replaceWith(link);
  link.append(drawing);
  include(drawing);
}

/** Puts the drawing itself in the place of its picture, apart from the styles of the page. */
async function include(drawing) {
  let text;
  try {
    text = await (await fetch(drawing.src)).text();
  } catch {
    return; // A page that was opened from the disk may read no file. The picture stays.
  }
  const svg = new DOMParser().parseFromString(text, "image/svg+xml").documentElement;
  if (svg.nodeName !== "svg") return;
  const [width, height] = ["width", "height"].map((side) => parseFloat(svg.getAttribute(side)));
  if (!svg.hasAttribute("viewBox")) svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", drawing.alt);
  svg.style.maxWidth = "var(--drawing-width)";
  svg.style.height = "auto";
  const host = document.createElement("span");
  host.className = "drawing";
  host.attachShadow({ mode: "open" }).append(svg);
  drawing.replaceWith(host);
}
