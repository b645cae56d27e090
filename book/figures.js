// A drawing opens in full size: in the text it is as wide as a line.
for (const drawing of document.querySelectorAll('main img[src$=".svg"]')) {
  const link = document.createElement("a");
  link.href = drawing.src;
  link.target = "_blank";
  link.title = "Open the drawing in full size";
  drawing.replaceWith(link);
  link.append(drawing);
}
