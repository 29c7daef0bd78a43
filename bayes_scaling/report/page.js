"use strict";
// The explorer: controls, numbers, words and charts, shown anew whenever a setting changes.

const STEPS = 1000; // of a slider
const ROOM = 1.01; // above and below the curves
const KNOWN = ["full", "lora", "prompt"]; // these look the same in every plot
const REGIONS = { interior: "measured", edge: "edge", beyond: "extrapolated" };
const $ = (id) => document.getElementById(id);

function lookOf(method) {
  const names = [...new Set([...KNOWN, ...told.tasks.flatMap((one) => one.cells.map((cell) => cell.method))])];
  return names.indexOf(method) % 7;
}

function render() {
  const settings = task().cells.map((cell, number) => ({ number, method: cell.method, setting: settingOf(number) }));
  const methods = settings.filter(({ setting }) => setting.set !== null);
  const answers = methods.length ? answersAt(methods, state.sizes.finetune_size) : [];
  showControls();
  showNumbers(methods, answers);
  showWords(settings, methods, answers);
  showCharts(methods);
  history.replaceState(null, "", `#${fragment()}`);
}

function showControls() {
  for (const control of task().controls) {
    const key = keyOf(control), size = state.sizes[key];
    const slider = $(`slider-${key}`), position = Math.log(size / control.low) / Math.log(control.high / control.low);
    slider.value = String(Math.round(STEPS * position));
    slider.setAttribute("aria-valuetext", formatSize(size));
    const box = $(`size-${key}`);
    if (document.activeElement !== box) box.value = exactSize(size);
    box.removeAttribute("aria-invalid");
  }
  $("base").value = String(state.base);
  $("kind").value = state.kind;
  $("prob").value = String(state.prob);
  if ($("task")) $("task").value = String(state.task);
}

// All digits of a size, so that the box and the state are one number.
function exactSize(size) {
  for (let digits = 3; digits < 17; digits++) {
    const short = formatSize(size, digits);
    if (parseSize(short) === size) return short;
  }
  return String(size);
}

function showNumbers(methods, answers) {
  $("numbers").replaceChildren(...methods.map(({ number, method, setting }, i) => {
    const row = document.createElement("tr"), found = answers[i], look = lookOf(method);
    row.dataset.method = method;
    const name = document.createElement("th");
    name.scope = "row";
    name.append(swatch(look), method);
    const law = laws[0].tasks[state.task][number];
    const region = regionOf(task().cells[number].levels, Object.keys(law.alpha), setting.sizes);
    row.append(name,
      cellOf("mean", found.mean, formatLoss(found.mean)),
      cellOf("low", found.low, formatLoss(found.low)), cellOf("high", found.high, formatLoss(found.high)),
      cellOf("p_best", found.p, formatProbability(found.p)), cellOf("mcse", found.mcse, formatError(found.mcse)),
      cellOf("expected_regret", found.regret, formatLoss(found.regret)), cellOf("region", region, REGIONS[region]));
    return row;
  }));
}

function cellOf(name, value, text) {
  const made = document.createElement("td");
  Object.assign(made.dataset, { name, value: String(value) });
  if (["p_best", "mcse", "expected_regret"].includes(name)) made.className = "several";
  made.textContent = text;
  return made;
}

function swatch(look) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "swatch");
  svg.setAttribute("viewBox", "0 0 26 12");
  svg.setAttribute("aria-hidden", "true");
  element(svg, "path", { d: "M0 6H26", class: `line c${look}` });
  element(svg, "path", { d: MARKERS[look % MARKERS.length](13, 6), class: `marker c${look}` });
  return svg;
}

function formatLoss(value) {
  return value === 0 ? "0" : Math.abs(value) < 1e-4 ? value.toExponential(1) : value.toPrecision(value < 0.1 ? 2 : 4);
}

function formatProbability(value) {
  return value < 0.005 ? "<0.01" : value > 0.995 ? ">0.99" : value.toFixed(2);
}

function formatError(value) {
  return value < 0.005 ? "<0.01" : `±${value.toFixed(2)}`;
}

function equals(p) {
  const text = formatProbability(p);
  return /^[<>]/.test(text) ? text : `= ${text}`;
}

function showWords(settings, methods, answers) {
  const said = [], base = isNew() ? "a new LLM" : task().bases[state.base].name;
  if (methods.length) {
    const best = answers.reduce((top, found, i) => (found.p > answers[top].p ? i : top), 0);
    const at = `At ${formatSize(state.sizes.finetune_size)} examples on ${base}`;
    if (methods.length > 1) {
      said.push(`${at}, ${methods[best].method} is likeliest best (P ${equals(answers[best].p)}, ` +
        `Monte Carlo error ${formatError(answers[best].mcse).replace("±", "")}); choosing it would cost ${formatLoss(answers[best].regret)} ` +
        `${told.unit} more than the best method, in expectation.`);
    } else {
      const { mean: loss, low, high } = answers[best];
      said.push(`${at}, the expected loss of ${methods[best].method} is ${formatLoss(loss)} ` +
        `(${Math.round(100 * state.prob)} % band ${formatLoss(low)} to ${formatLoss(high)}) ${told.unit}.`);
    }
  }
  const far = [...$("numbers").rows].filter((row) => row.querySelector("[data-name=region]").dataset.value === "beyond");
  if (far.length) said.push(`Far beyond the runs of ${far.map((row) => row.dataset.method).join(", ")}: an extrapolation.`);
  if (isNew()) said.push("No run started from this LLM: its quirk is unknown, and the bands allow for a typical one.");
  for (const { method, setting } of settings) {
    if (setting.set === null) said.push(`${method} is left out: ${setting.reason}.`);
  }
  const unused = settings.filter(({ setting }) => setting.unused).map(({ method }) => method);
  if (unused.length) said.push(`The PET size of ${unused.join(", ")} is not used: no run at such sizes of the base LLM varies it.`);
  $("words").textContent = said.join(" ");
}

function showCharts(methods) {
  const { sizes, at } = curves(methods);
  const { low, high } = task().controls[0], x = [low, high];
  const series = (name) => methods.map((_, m) => at.map((answers) => answers[m][name]));
  const [means, lows, highs, ps, errors] = ["mean", "low", "high", "p", "mcse"].map(series);
  const runs = task().runs.filter((run) => isShown(run, methods));
  const losses = [...means.flat(), ...runs.map((run) => run[3])];
  const bottom = Math.max(Math.min(...lows.flat(), ...losses), 0.8 * Math.min(...losses)) / ROOM;
  const top = Math.min(Math.max(...highs.flat(), ...losses), 1.25 * Math.max(...losses)) * ROOM;
  const draw = (id, options, each) => {
    $(id).replaceChildren();
    if (!methods.length) return;
    const chart = frame($(id), { x, ...options });
    methods.forEach(({ number, method }, m) => {
      const levels = task().cells[number].levels.finetune_size;
      each(chart, m, lookOf(method), [levels[0] * (1 - 1e-9), levels[levels.length - 1] * (1 + 1e-9)]);
    });
    rule(chart, state.sizes.finetune_size);
    return chart;
  };
  const bands = draw("bands", { y: [bottom, top], log: true, height: 300, title: "Loss against D_f, with bands" },
    (chart, m, look, measured) => curve(chart, sizes, means[m], lows[m], highs[m], look, measured));
  for (const run of runs) if (bands) marker(bands, run[2], run[3], lookOf(task().cells[run[0]].method));
  const clip = (values, errors_, side) => values.map((p, i) => Math.min(Math.max(p + side * 2 * errors_[i], 0), 1));
  for (const one of document.querySelectorAll("#explorer .several")) one.hidden = methods.length < 2;
  if (methods.length > 1) {
    draw("wins", { y: [0, 1], height: 220, title: "Probability that each method is best, against D_f" },
      (chart, m, look, measured) =>
        curve(chart, sizes, ps[m], clip(ps[m], errors[m], -1), clip(ps[m], errors[m], 1), look, measured));
  }
}

function setSize(control, size) {
  state.sizes[keyOf(control)] = withinLimits(control, size);
  if (control.method === null && control.column !== "finetune_size") matchBase();
  schedule();
}

let waiting = false;
function schedule() {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => { waiting = false; render(); });
}

function select(id, label, options, change) {
  const made = document.createElement("label");
  const list = document.createElement("select");
  list.id = id;
  options.forEach(([value, text]) => list.add(new Option(text, value)));
  list.addEventListener("change", () => change(list.value));
  made.append(label, list);
  return made;
}

function sizeControl(control) {
  const key = keyOf(control), made = document.createElement("div");
  const names = { finetune_size: "finetuning examples, D_f", model_size: "model size, parameters", pretrain_size: "pretraining tokens" };
  const name = names[control.column] ?? `PET size of ${control.method}`;
  const label = document.createElement("label"), slider = document.createElement("input"), box = document.createElement("input");
  made.className = "size";
  label.htmlFor = `slider-${key}`;
  label.textContent = name;
  Object.assign(slider, { type: "range", id: `slider-${key}`, min: 0, max: STEPS, step: 1 });
  Object.assign(box, { type: "text", id: `size-${key}`, autocomplete: "off", spellcheck: false, size: 10 });
  box.setAttribute("aria-label", `${name}: exact value, such as 100k`);
  slider.addEventListener("input", () => {
    const size = control.low * (control.high / control.low) ** (slider.value / STEPS);
    setSize(control, control.column === "pet_size" ? Math.max(Math.round(size), 1) : Number(size.toPrecision(3)));
  });
  box.addEventListener("change", () => {
    const size = parseSize(box.value);
    if (size > 0) setSize(control, size);
    else box.setAttribute("aria-invalid", "true");
  });
  box.addEventListener("blur", schedule);
  made.append(label, slider, box);
  return made;
}

function buildControls() {
  const choose = (change) => (value) => { change(value); schedule(); };
  const bases = [...task().bases.map(({ name }, i) => [String(i), name]), [String(task().bases.length), "a new LLM"]];
  const lists = [
    select("base", "base LLM", bases, choose((value) => chooseBase(Number(value)))),
    select("kind", "band of", [["mean", "the expected loss"], ["run", "one new run"]], choose((value) => { state.kind = value; })),
    select("prob", "with probability", PROBS.map((p) => [String(p), `${Math.round(100 * p)} %`]), choose((value) => { state.prob = Number(value); })),
  ];
  if (told.tasks.length > 1) {
    const names = told.tasks.map(({ name }, i) => [String(i), name]);
    lists.unshift(select("task", "task", names, choose((value) => { start(Number(value)); buildControls(); })));
  }
  const row = document.createElement("div");
  row.className = "lists";
  row.append(...lists);
  $("controls").replaceChildren(row, ...task().controls.map(sizeControl));
}

readFragment();
buildControls();
render();
addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((one) => { one.open = true; }));
addEventListener("resize", schedule);
addEventListener("hashchange", () => {
  if (!isLink()) return;
  readFragment();
  buildControls();
  schedule();
});
$("explorer").dataset.ready = "yes";
