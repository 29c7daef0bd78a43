"use strict";
// What bayes_scaling.prediction computes, from the draws that the page carries: the law, the base LLM's effects on
// level and slope, drift away from the law, the ceiling, and the noise of a run. Arrays hold one number a draw.

const PARTS_OF_CHAIN = 20; // stretches of draws whose means give a Monte Carlo error

function decodeLaw(law) {
  const bytes = Uint8Array.from(atob(law.columns), (letter) => letter.charCodeAt(0));
  const values = new Float32Array(bytes.buffer);
  const column = (number) => values.subarray(number * law.draws, (number + 1) * law.draws);
  return { ...law, columns: null, column };
}

function logAddExp(a, b) {
  const high = Math.max(a, b);
  return high + Math.log1p(Math.exp(Math.min(a, b) - high));
}

// Log of the law's loss: one function a law, as in bayes_scaling.models.laws; x are centred logs of the set's factors.
const LAWS = {
  multiplicative(cell, column, set, x) {
    const [E, beta, A] = [cell.log_E, cell.beta, cell.log_amplitude[set.amplitudes[0]]].map(column);
    const alpha = set.factors.map((factor) => column(cell.alpha[factor]));
    return (s, logD) => logAddExp(A[s] - dot(alpha, x, s) - beta[s] * logD, E[s]);
  },
  additive(cell, column, set, x) {
    const [E, beta, B] = [cell.log_E, cell.beta, cell.log_data_term].map(column);
    const alpha = set.factors.map((factor) => column(cell.alpha[factor]));
    const A = set.amplitudes.map((number) => column(cell.log_amplitude[number]));
    return (s, logD) => {
      let sum = logAddExp(B[s] - beta[s] * logD, E[s]);
      for (let i = 0; i < x.length; i++) sum = logAddExp(sum, A[i][s] - alpha[i][s] * x[i]);
      return sum;
    };
  },
  rectified(cell, column, set, x) {
    const [E, beta, Dl] = [cell.log_E, cell.beta, cell.log_prelearned].map(column);
    const A = column(cell.log_amplitude[set.amplitudes[0]]);
    const alpha = set.factors.map((factor) => column(cell.alpha[factor]));
    return (s, logD) => {
      const learned = logAddExp(Dl[s], beta[s] * logD);
      return logAddExp(A[s] - dot(alpha, x, s) + logAddExp(Dl[s], 0) - learned, E[s]);
    };
  },
};
LAWS.power = LAWS.multiplicative; // the same without factors

function dot(columns, x, s) {
  let sum = 0;
  for (let i = 0; i < x.length; i++) sum += columns[i][s] * x[i];
  return sum;
}

// Which of the cell's laws speaks about these sizes, or why none does: see _factor_set of bayes_scaling.encoding.
function chooseSet(cell, sizes) {
  const reasons = [];
  let found = null;
  for (const set of cell.sets) {
    const reason = mismatch(cell, set, sizes);
    if (reason !== null) reasons.push(reason);
    else if (found === null || set.factors.length > found.factors.length) found = set;
  }
  return { set: found, reason: reasons.join("; ") };
}

function mismatch(cell, set, sizes) {
  for (const factor of set.factors) if (!(factor in sizes)) return `${factor} is missing`;
  for (const [factor, size] of Object.entries(sizes)) {
    if (set.factors.includes(factor) || !(factor in cell.alpha || factor in set.fixed)) continue;
    if (!(factor in set.fixed)) return `${factor} is unknown in the runs of its law of ${set.factors.join(", ") || "D_f"}`;
    if (Math.abs(set.fixed[factor] - size) > 1e-8 + 1e-6 * Math.abs(size)) {
      return `${factor} was ${formatSize(set.fixed[factor])} in all its runs, so it cannot speak about ${formatSize(size)}`;
    }
  }
  return null;
}

// Weights of the columns of drift at one D_f: changes of slope inside the measured range, and beyond its ends.
function driftTerms(cell, column, logD) {
  const terms = cell.knots.map((knot) => [column(knot.change), Math.max(knot.side * (logD - knot.at), 0)]);
  const beyond = (columns, outside) =>
    columns.map((number, i) => [column(number), Math.max(outside - (i + 0.5) * cell.stretch, 0)]);
  terms.push(...beyond(cell.below, cell.edge[0] - logD), ...beyond(cell.above, logD - cell.edge[1]));
  return terms.filter(([, weight]) => weight > 0);
}

// How many times as wide as measured the population of a new base LLM is, outside the measured sizes.
function widerOutside(cell, sizes, base) {
  if (base !== cell.new) return 1;
  const outside = Object.entries(cell.measured).map(([factor, [low, high, spread]]) => {
    const logSize = Math.log(sizes[factor]);
    return Math.max(low - logSize, logSize - high, 0) / spread || 0;
  });
  return 1 + Math.max(0, ...outside);
}

// Log expected loss under every draw of one law, at one D_f.
function logMeanOfLaw(law, cell, set, sizes, base, finetuneSize) {
  const x = set.factors.map((factor) => Math.log(sizes[factor]) - cell.log_x0[factor]);
  const logD = Math.log(finetuneSize) - cell.log_d0;
  const at = LAWS[law.law](cell, law.column, set, x);
  const effect = cell.effect && law.column(cell.effect[base]);
  const slope = cell.slope && law.column(cell.slope[base]);
  const wider = widerOutside(cell, sizes, base);
  const drift = driftTerms(cell, law.column, logD);
  const out = new Float64Array(law.draws);
  for (let s = 0; s < law.draws; s++) {
    const ofLaw = at(s, logD);
    let value = ofLaw;
    if (effect) value += wider * effect[s];
    if (slope) value += wider * slope[s] * (ofLaw - at(s, 0));
    for (const [change, weight] of drift) value += change[s] * weight;
    out[s] = cell.log_ceiling === null ? value : -logAddExp(-value, -cell.log_ceiling);
  }
  return out;
}

// The same of all laws, one after the other: their numbers of draws are in proportion to their weights.
function logMean(laws, task, method, setOf, sizes, base, finetuneSize) {
  return joined(laws.map((law) => {
    const cell = law.tasks[task][method];
    return logMeanOfLaw(law, cell, setOf(cell), sizes, base, finetuneSize);
  }));
}

// Log loss of one new run: the expected one with a run's noise.
function withNoise(laws, task, method, expected) {
  const out = new Float64Array(expected.length);
  let start = 0;
  for (const law of laws) {
    const cell = law.tasks[task][method];
    const [sigma, noise] = [law.column(cell.sigma), law.column(law.noise)];
    for (let s = 0; s < law.draws; s++) {
      const mean = expected[start + s];
      const scale = cell.log_median === null ? sigma[s] : sigma[s] * Math.exp(cell.log_median - mean);
      out[start + s] = mean + scale * noise[s];
    }
    start += law.draws;
  }
  return out;
}

function joined(arrays) {
  const out = new Float64Array(arrays.reduce((sum, array) => sum + array.length, 0));
  let start = 0;
  for (const array of arrays) {
    out.set(array, start);
    start += array.length;
  }
  return out;
}

function mean(values) {
  let sum = 0;
  for (const value of values) sum += value;
  return sum / values.length;
}

// Quantiles by linear interpolation between order statistics, as NumPy's default.
function quantiles(values, wanted) {
  const sorted = Float64Array.from(values).sort();
  return wanted.map((q) => {
    const at = q * (sorted.length - 1), low = Math.floor(at), high = Math.ceil(at);
    return sorted[low] + (at - low) * (sorted[high] - sorted[low]);
  });
}

// P(lowest loss), its Monte Carlo error and the expected regret of every method, from losses by method and draw.
function compareMethods(laws, losses) {
  const draws = losses[0].length;
  const wins = losses.map(() => new Uint8Array(draws)), regret = losses.map(() => 0);
  for (let s = 0; s < draws; s++) {
    let best = 0;
    for (let m = 1; m < losses.length; m++) if (losses[m][s] < losses[best][s]) best = m;
    wins[best][s] = 1;
    for (let m = 0; m < losses.length; m++) regret[m] += (losses[m][s] - losses[best][s]) / draws;
  }
  return losses.map((_, m) => ({ p: mean(wins[m]), mcse: monteCarloError(laws, wins[m]), regret: regret[m] }));
}

// Of a share of draws: from the spread of the means of stretches of every law's chains, and never below that of
// independent draws, since none of S draws is not yet never.
function monteCarloError(laws, wins) {
  const draws = wins.length, smoothed = (mean(wins) * draws + 0.5) / (draws + 1);
  let variance = 0, start = 0;
  for (const law of laws) {
    const parts = Math.min(PARTS_OF_CHAIN, law.draws), means = [];
    for (let i = 0; i < parts; i++) {
      const [from, to] = [i, i + 1].map((edge) => start + Math.floor((edge * law.draws) / parts));
      means.push(mean(wins.subarray(from, to)));
    }
    const centre = mean(means), squares = means.reduce((sum, value) => sum + (value - centre) ** 2, 0);
    if (parts > 1) variance += (law.draws / draws) ** 2 * (squares / (parts - 1) / parts);
    start += law.draws;
  }
  return Math.sqrt(Math.max(variance, (smoothed * (1 - smoothed)) / draws));
}

// How far a size lies outside the measured ones: interior, edge or beyond, as bayes_scaling.regions has it.
function regionOf(levels, varied, sizes) {
  let distance = 0, steps = 0;
  for (const column of ["finetune_size", ...varied]) {
    if (!(column in sizes) || !(column in levels)) continue;
    const logs = levels[column].map(Math.log10), x = Math.log10(sizes[column]);
    const outside = Math.max(logs[0] - x, x - logs[logs.length - 1], 0);
    let gap = logs.length > 1 ? 0 : 1e-9;
    for (let i = 1; i < logs.length; i++) gap = Math.max(gap, logs[i] - logs[i - 1]);
    distance = Math.max(distance, outside);
    if (outside > 1e-9) steps = Math.max(steps, outside / gap);
  }
  return distance <= 1e-9 ? "interior" : steps <= 1 + 1e-9 ? "edge" : "beyond";
}

// Sizes as people write them: 100k examples, 1.5B parameters; see bayes_scaling.quantities.
const POWERS = { "": 0, k: 3, K: 3, M: 6, B: 9, b: 9, G: 9, T: 12 };

function parseSize(text) {
  const match = /^\s*(\d[\d_]*\.?\d*|\.\d+)(?:([eE][+-]?\d{1,3})|\s*([A-Za-z]?))\s*$/.exec(text);
  if (!match || !(match[2] || (match[3] || "") in POWERS)) return NaN;
  const digits = match[1].replaceAll("_", "");
  return Number(match[2] ? digits + match[2] : `${digits}e${POWERS[match[3] || ""]}`);
}

function formatSize(size, digits = 3) {
  const shown = Number(size.toPrecision(digits));
  const suffix = ["T", "B", "M", "k"].find((letter) => shown >= 10 ** POWERS[letter]);
  return suffix ? Number((shown / 10 ** POWERS[suffix]).toPrecision(digits)) + suffix : String(shown);
}
