// Pointer and keyboard on the squares: one square of the page takes the Tab key.

/** Let the squares of a diagram be walked, pointed at and opened. */
function listen(svg, open) {
  svg.addEventListener("click", (event) => {
    const square = event.target.closest("[role=gridcell]");
    if (!square) return;
    rove(square);
    open(square.id, event.shiftKey || event.ctrlKey || event.metaKey);
  });
  svg.addEventListener("keydown", (event) => {
    const square = event.target.closest("[role=gridcell]");
    if (!square) return;
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      open(square.id, event.shiftKey || event.ctrlKey || event.metaKey);
    }
    const target = neighbour(svg, square, event);
    if (!target) return;
    event.preventDefault();
    rove(target);
  });
  svg.addEventListener("focusin", (event) => {
    frame(svg, event.target, "focus");
    if (event.target.matches(":focus-visible")) showTip(event.target);
  });
  svg.addEventListener("focusout", () => {
    svg.querySelectorAll(".focus").forEach((mark) => mark.remove());
    hideTip();
  });
  svg.addEventListener("pointermove", (event) => {
    const square = event.target.closest("[role=gridcell]");
    if (square) showTip(square);
    else hideTip();
  });
  svg.addEventListener("pointerleave", hideTip);
}

/** Return the square that a key leads to, or null. */
function neighbour(svg, square, event) {
  const squares = [...svg.querySelectorAll("[role=gridcell]")].map((node) => {
    const [, , row, column] = node.id.split("-").map(Number);
    return { node, row, column };
  });
  const here = squares.find(({ node }) => node === square);
  const inRow = squares.filter(({ row }) => row === here.row);
  const inColumn = squares.filter(({ column }) => column === here.column);
  const first = (list, distance) =>
    list.filter((one) => distance(one) > 0).sort((one, other) => distance(one) - distance(other))[0]?.node ?? null;
  const last = (list, distance) =>
    list.sort((one, other) => distance(other) - distance(one))[0].node;
  switch (event.key) {
    case "ArrowRight": return first(inRow, (one) => one.column - here.column);
    case "ArrowLeft": return first(inRow, (one) => here.column - one.column);
    case "ArrowUp": return first(inColumn, (one) => one.row - here.row);
    case "ArrowDown": return first(inColumn, (one) => here.row - one.row);
    case "Home": return last(inRow, (one) => -one.column);
    case "End": return last(inRow, (one) => one.column);
    case "PageUp": return last(inColumn, (one) => one.row);
    case "PageDown": return last(inColumn, (one) => -one.row);
    default: return null;
  }
}

/** Give the Tab key and the focus to a square. */
function rove(square, { focus = true } = {}) {
  document.querySelectorAll('[role=gridcell][tabindex="0"]').forEach((node) => node.setAttribute("tabindex", -1));
  square.setAttribute("tabindex", 0);
  if (focus) square.focus({ preventScroll: false });
}

/** Draw a frame of a kind around a square. */
function frame(svg, square, kind) {
  const { x, y, width, height } = square.getBBox();
  const box = { x: x - 0.5, y: y - 0.5, width: width + 1, height: height + 1, rx: 1 };
  svg.querySelector(".marks").append(shape("rect", { ...box, class: kind }));
}

function showTip(square) {
  const tip = document.getElementById("tip");
  tip.textContent = square.getAttribute("aria-label").replaceAll("; ", "\n");
  tip.hidden = false;
  const box = square.getBoundingClientRect();
  const left = Math.min(Math.max(box.left + box.width / 2 - tip.offsetWidth / 2, 4), innerWidth - tip.offsetWidth - 4);
  const isBelow = box.top < tip.offsetHeight + 10;
  tip.style.left = `${left}px`;
  tip.style.top = `${isBelow ? box.bottom + 6 : box.top - tip.offsetHeight - 6}px`;
}

function hideTip() {
  document.getElementById("tip").hidden = true;
}
