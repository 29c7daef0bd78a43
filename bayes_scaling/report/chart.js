"use strict";
// Line charts with bands over a log axis of D_f, as inline SVG that fills its container.

const SVG = "http://www.w3.org/2000/svg";
const MARGIN = { left: 52, right: 14, top: 10, bottom: 38 };
const MARKERS = [
  (x, y) => `M${x - 3.5} ${y}a3.5 3.5 0 1 0 7 0a3.5 3.5 0 1 0 -7 0`,
  (x, y) => `M${x - 3} ${y - 3}h6v6h-6z`,
  (x, y) => `M${x} ${y - 4}l4 7h-8z`,
  (x, y) => `M${x} ${y - 4.5}l4.5 4.5l-4.5 4.5l-4.5 -4.5z`,
  (x, y) => `M${x} ${y + 4}l4 -7h-8z`,
];

function element(parent, name, attributes, text) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  parent.append(made);
  return made;
}

function log10Ticks(low, high) {
  const steps = Math.log10(high / low) > 3 ? [1] : [1, 2, 5], found = [];
  for (let decade = Math.floor(Math.log10(low)); decade <= Math.log10(high); decade++) {
    for (const step of steps) found.push(step * 10 ** decade);
  }
  return found.filter((tick) => tick >= low * 0.999 && tick <= high * 1.001);
}

function linearTicks(low, high) {
  const rough = (high - low) / 4, power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((n) => n * power).find((n) => n >= rough);
  const found = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high * (1 + 1e-9); i++) found.push(i * step);
  return found;
}

// Scales of a chart: x is log D_f; y is log for losses, linear for probabilities.
function frame(container, options) {
  const width = Math.max(280, container.clientWidth), height = options.height;
  const svg = element(container, "svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": options.title });
  const [left, right, top, bottom] = [MARGIN.left, width - MARGIN.right, MARGIN.top, height - MARGIN.bottom];
  const y = options.log ? Math.log : (value) => value;
  const span = (f, [low, high], from, to) => (value) => from + ((f(value) - f(low)) / (f(high) - f(low))) * (to - from);
  const place = { x: span(Math.log, options.x, left, right), y: span(y, options.y, bottom, top) };
  const clip = `clip-${container.id}`;
  element(element(svg, "clipPath", { id: clip }), "rect", { x: left, y: top, width: right - left, height: bottom - top });
  axes(svg, options, place, [left, right, top, bottom]);
  const inside = element(svg, "g", { "clip-path": `url(#${clip})` });
  return { svg, inside, place, box: [left, right, top, bottom] };
}

function axes(svg, options, place, [left, right, top, bottom]) {
  const room = right - left < 420 ? 48 : 30;
  let last = -Infinity;
  for (const tick of log10Ticks(...options.x)) {
    const x = place.x(tick);
    element(svg, "line", { x1: x, x2: x, y1: top, y2: bottom, class: "grid" });
    if (x - last < room) continue;
    last = x;
    element(svg, "text", { x, y: bottom + 15, "text-anchor": "middle" }, formatSize(tick));
  }
  for (const tick of linearTicks(...options.y)) {
    const y = place.y(tick);
    element(svg, "line", { x1: left, x2: right, y1: y, y2: y, class: "grid" });
    element(svg, "text", { x: left - 6, y: y + 4, "text-anchor": "end" }, String(Number(tick.toPrecision(6))));
  }
  element(svg, "text", { x: (left + right) / 2, y: bottom + 32, "text-anchor": "middle" }, "finetuning examples, D_f");
}

// One method's curve: solid where its D_f was measured, dashed elsewhere, in a band.
function curve(chart, sizes, line, low, high, look, measured) {
  const { place, inside } = chart;
  const point = (values) => (size, i) => `${place.x(size).toFixed(1)} ${place.y(values[i]).toFixed(1)}`;
  const forth = sizes.map(point(high)), back = sizes.map(point(low)).reverse();
  element(inside, "path", { d: `M${[...forth, ...back].join("L")}Z`, class: `band c${look}` });
  const points = sizes.map(point(line)).join("L");
  element(inside, "path", { d: `M${points}`, class: `line outside c${look}` });
  const solid = sizes.map((size, i) => [size, i]).filter(([size]) => size >= measured[0] && size <= measured[1]);
  if (solid.length) {
    const d = `M${solid.map(([size, i]) => point(line)(size, i)).join("L")}`;
    element(inside, "path", { d, class: `line c${look}` });
  }
}

function marker(chart, x, y, look) {
  const d = MARKERS[look % MARKERS.length](chart.place.x(x), chart.place.y(y));
  element(chart.inside, "path", { d, class: `marker c${look}` });
}

function rule(chart, x) {
  const [, , top, bottom] = chart.box, at = chart.place.x(x);
  element(chart.svg, "line", { x1: at, x2: at, y1: top, y2: bottom, class: "rule" });
}
