"use strict";
// What is asked: task, base LLM, sizes and kind of band; and the answers at them.

const GRID = 61; // D_f of each curve
const PROBS = [0.5, 0.8, 0.9, 0.95];

const told = JSON.parse(document.getElementById("told").textContent);
const laws = told.laws.map(decodeLaw);
const state = { task: 0, base: 0, kind: "mean", prob: 0.9, sizes: {} };
const cache = new Map();
const task = () => told.tasks[state.task];
const keyOf = (control) => (control.method === null ? control.column : `${control.column}:${control.method}`);
const isNew = () => state.base === task().bases.length;

function start(index) {
  state.task = index;
  state.sizes = Object.fromEntries(task().controls.map((control) => [keyOf(control), control.start]));
  chooseBase(task().start_base);
}

function chooseBase(index) {
  state.base = index;
  if (isNew()) return;
  for (const [column, size] of Object.entries(task().bases[index].sizes)) if (column in state.sizes) state.sizes[column] = size;
}

// A size of the base LLM was set: it is the one fitted LLM of these sizes, or else a new one.
function matchBase() {
  const own = task().controls.filter((control) => control.method === null && control.column !== "finetune_size");
  const same = task().bases.map((base, i) => [base.sizes, i]).filter(([sizes]) =>
    own.every(({ column }) => sizes[column] === state.sizes[column]));
  state.base = same.length === 1 ? same[0][1] : task().bases.length;
}

// The sizes at which a method is asked for, and the reason where its law cannot speak about them.
function settingOf(number) {
  const cell = task().cells[number], sizes = {};
  for (const control of task().controls) {
    const own = control.method === null || control.method === cell.method;
    if (own && control.column in cell.levels) sizes[control.column] = state.sizes[keyOf(control)];
  }
  const first = laws[0].tasks[state.task][number];
  const { set, reason } = chooseSet(first, sizes);
  if (set === null && "pet_size" in sizes) {
    const { pet_size: _, ...others } = sizes;
    const without = chooseSet(first, others);
    if (without.set !== null) return { ...without, sizes: others, unused: true };
  }
  return { set, reason, sizes, unused: false };
}

function expectedAt(number, setting, finetuneSize) {
  return logMean(laws, state.task, number, (cell) => chooseSet(cell, setting.sizes).set, setting.sizes, state.base, finetuneSize);
}

function bandOf(number, expected) {
  const draws = state.kind === "run" ? withNoise(laws, state.task, number, expected) : expected;
  const tail = (1 - state.prob) / 2;
  const [low, high] = quantiles(draws, [tail, 1 - tail]).map(Math.exp);
  return { mean: mean(expected.map(Math.exp)), low, high };
}

// Bands and P(best) of every method at one D_f.
function answersAt(methods, finetuneSize) {
  const expected = methods.map(({ number, setting }) => expectedAt(number, setting, finetuneSize));
  const compared = compareMethods(laws, expected.map((values) => values.map(Math.exp)));
  return methods.map(({ number }, i) => ({ ...bandOf(number, expected[i]), ...compared[i] }));
}

function curves(methods) {
  const { finetune_size: _, ...others } = state.sizes;
  const key = JSON.stringify([state.task, state.base, state.kind, state.prob, others]);
  if (!cache.has(key)) {
    const { low, high } = task().controls[0];
    const sizes = Array.from({ length: GRID }, (_, i) => low * (high / low) ** (i / (GRID - 1)));
    cache.clear();
    cache.set(key, { sizes, at: sizes.map((size) => answersAt(methods, size)) });
  }
  return cache.get(key);
}

// A measured run at the very sizes that are set, D_f aside.
function isShown([number, base, size, , pet], methods) {
  const found = methods.find((method) => method.number === number);
  if (!found || base !== state.base || !(size > 0)) return false;
  return !("pet_size" in found.setting.sizes) || pet === found.setting.sizes.pet_size;
}

function fragment() {
  const told_ = { task: task().name, kind: state.kind, prob: state.prob, ...state.sizes };
  return new URLSearchParams({ ...told_, base: isNew() ? "" : task().bases[state.base].name }).toString();
}

// Whether the address gives settings, and not only the name of a section.
function isLink() {
  return location.hash.includes("=");
}

// What the address says after its #: a link to these settings.
function readFragment() {
  const given = new URLSearchParams(isLink() ? location.hash.slice(1) : "");
  const index = told.tasks.findIndex((one) => one.name === given.get("task"));
  start(Math.max(index, 0));
  if (["mean", "run"].includes(given.get("kind"))) state.kind = given.get("kind");
  if (PROBS.includes(Number(given.get("prob")))) state.prob = Number(given.get("prob"));
  for (const control of task().controls) {
    const size = parseSize(given.get(keyOf(control)) ?? "");
    if (size > 0) state.sizes[keyOf(control)] = withinLimits(control, size);
  }
  if (given.has("base")) {
    const base = task().bases.findIndex(({ name }) => name === given.get("base"));
    if (base >= 0) chooseBase(base);
    else state.base = task().bases.length;
  } else if (isLink()) matchBase();
}

function withinLimits(control, size) {
  return Math.min(Math.max(size, control.low), control.high);
}
