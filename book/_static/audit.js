// The audit of one column of accuracies in the page: the arithmetic of ufama.audit, as `ufama audit` runs it on a table
// with the column `accuracy` alone. A test compares the two on many tables.
"use strict";

(() => {
  const ROUNDINGS = ["nearest", "truncation"];
  const BLOCK = 100; // printed values that are compared with their neighbours
  const SEARCHED = [200, 3600];
  const LEVEL = 0.01;
  const MOST_DECIMALS = 4, MOST_WINDOWS = 1e9, MOST_TRIALS = 60, MOST_IN_TRIALS = 50000;
  const ALL = "all";

  class TableError extends Error {}

  /** The sum in NumPy's order (pairwise, eight at a time), so that what is printed is rounded alike. */
  const sum = (values) => {
    const n = values.length;
    if (n > 128) {
      const half = Math.floor(n / 2) - (Math.floor(n / 2) % 8);
      return sum(values.slice(0, half)) + sum(values.slice(half));
    }
    if (n < 8) return values.reduce((total, value) => total + value, 0);
    const r = values.slice(0, 8), whole = n - (n % 8);
    for (let place = 8; place < whole; place += 1) r[place % 8] += values[place];
    const total = (r[0] + r[1]) + (r[2] + r[3]) + ((r[4] + r[5]) + (r[6] + r[7]));
    return values.slice(whole).reduce((before, value) => before + value, total);
  };

  const range = (start, stop) => Array.from({ length: Math.max(0, stop - start) }, (_, place) => start + place);

  // --- what is given ---------------------------------------------------------------------------------------------------

  /** The cells of a pasted column; a heading above the numbers is left out. */
  const cellsOf = (text) => {
    const cells = text.split(/[\s,;]+/).filter(Boolean).map((cell) => cell.replace(/%$/, "")).filter(Boolean);
    return cells.length && /^accuracy/i.test(cells[0]) ? cells.slice(1) : cells;
  };

  /** Percentages as whole numbers of their last printed digit, and how many decimals are printed. */
  const printedUnits = (cells) => {
    if (!cells.length) throw new TableError("There is no accuracy: paste one per line, in percent.");
    cells.forEach((cell, place) => {
      if (!/^[+-]?(\d+\.?\d*|\.\d+)$/.test(cell)) {
        throw new TableError(`Value ${place + 1}, "${cell}", is not a number: give percent, with a point for decimals.`);
      }
      if (!(Number(cell) >= 0 && Number(cell) <= 100)) {
        throw new TableError(`Value ${place + 1}, ${cell}, is not an accuracy: give percent from 0 to 100.`);
      }
    });
    const decimals = Math.max(...cells.map((cell) => (cell.split(".")[1] || "").length));
    if (decimals > MOST_DECIMALS) {
      throw new TableError(`A value has ${decimals} decimals: round as the paper prints, at most ${MOST_DECIMALS}.`);
    }
    const units = cells.map((cell) => Math.round(Number(cell) * 10 ** decimals));
    if (units.every((unit) => unit <= 10 ** decimals)) {
      throw new TableError("All accuracies are 1 or less: give percent, not shares.");
    }
    return { units, decimals };
  };

  const wholeNumbers = (text, what) => {
    const parts = text.split(/[\s,;]+/).filter(Boolean);
    for (const part of parts) {
      if (!/^\d+$/.test(part) || Number(part) < 1 || Number(part) > MOST_WINDOWS) {
        throw new TableError(`"${part}" is no number of windows: give whole numbers from 1 for the ${what}.`);
      }
    }
    return parts.map(Number);
  };

  const checkedTrials = (trials) => {
    if (trials.length > MOST_TRIALS) {
      throw new TableError(`${trials.length} trials are too many: with more than ${MOST_TRIALS}, any count is a sum.`);
    }
    if (sum(trials) > MOST_IN_TRIALS) {
      throw new TableError(`The trials hold ${sum(trials)} windows together: expected at most ${MOST_IN_TRIALS}.`);
    }
    return trials;
  };

  // --- accuracies that are k/n -------------------------------------------------------------------------------------------

  /** The smallest k for which k / n is printed as `unit`: to the nearest with ties either way, or cut off; else -1. */
  const correct = (unit, n, rounding, full) => {
    const below = rounding === "nearest" ? n : 0;
    const above = rounding === "truncation" ? 2 * n - 1 : unit % 2 ? n - 1 : n;
    const middle = 2 * unit * n;
    const k = Math.max(Math.ceil((middle - below) / (2 * full)), 0);
    return 2 * full * k <= middle + above && k <= n ? k : -1;
  };

  /** The share of the printable values in a unit's block, without 0 and 100 %, that are k / n. */
  const attainableShare = (unit, n, rounding, full) => {
    const start = Math.floor(Math.min(unit, full - 1) / BLOCK) * BLOCK;
    const first = Math.max(start, 1), stop = Math.min(start + BLOCK, full);
    let attainable = 0;
    for (let value = first; value < stop; value += 1) attainable += correct(value, n, rounding, full) >= 0;
    return attainable / (stop - first);
  };

  const convolved = (one, two) => {
    const result = new Array(one.length + two.length - 1).fill(0);
    one.forEach((a, i) => two.forEach((b, j) => { result[i + j] += a * b; }));
    return result;
  };

  /** Probability that `count` or more of independent events with these probabilities happen. */
  const chanceOfAtLeast = (count, shares) => {
    const chances = shares.reduce((before, share) => convolved(before, [1 - share, share]), [1]);
    return Math.min(sum(chances.slice(count)), 1);
  };

  const granularityRow = (units, n, rounding, full) => {
    const share = (unit) => attainableShare(unit, n, rounding, full);
    const fits = (unit) => correct(unit, n, rounding, full) >= 0;
    const tested = units.filter((unit) => unit !== 0 && unit !== full), distinct = [...new Set(tested)];
    const matching = distinct.filter(fits).length;
    return {
      method: ALL, windows: String(n), rounding, values: units.length, perfect: units.length - tested.length,
      tested: tested.length, matches: tested.filter(fits).length, expected: sum(tested.map(share)),
      distinct: distinct.length, distinct_matches: matching, p_value: chanceOfAtLeast(matching, distinct.map(share)),
    };
  };

  const granularityRows = (units, candidates, full) =>
    candidates
      .flatMap((n) => ROUNDINGS.map((rounding) => granularityRow(units, n, rounding, full)))
      .sort((one, two) => one.p_value - two.p_value);

  /** The smallest n of the searched ones that fits every tested value, and how many would by chance. */
  const searchRow = (units, full) => {
    const distinct = [...new Set(units.filter((unit) => unit > 0 && unit < full))];
    const blocks = [...new Set(distinct.map((unit) => Math.floor(unit / BLOCK) * BLOCK))];
    const rows = range(SEARCHED[0], SEARCHED[1] + 1).map((n) => {
      const shares = new Map(blocks.map((start) => [start, attainableShare(start, n, "nearest", full)]));
      return {
        n,
        fits: distinct.every((unit) => correct(unit, n, "nearest", full) >= 0),
        chance: distinct.reduce((product, unit) => product * shares.get(Math.floor(unit / BLOCK) * BLOCK), 1),
      };
    });
    const fitting = rows.filter((row) => row.fits).map((row) => row.n);
    const row = { method: ALL, session: ALL };
    if (!fitting.length || rows.every(({ chance }) => chance === 1)) {
      return { ...row, windows: null, multiples: [], others: 0, expected: sum(rows.map(({ chance }) => chance)) };
    }
    const [smallest, ...larger] = fitting;
    const multiples = larger.filter((n) => n % smallest === 0);
    const expected = sum(rows.filter(({ n }) => n <= smallest).map(({ chance }) => chance));
    return { ...row, windows: smallest, multiples, others: larger.length - multiples.length, expected };
  };

  // --- whole trials ------------------------------------------------------------------------------------------------------

  /** For each count of windows from 0 to n, the fewest whole trials that sum to it; -1 where none do. */
  const fewestTrials = (trials) => {
    const fewest = new Array(sum(trials) + 1).fill(Infinity);
    fewest[0] = 0;
    for (const length of trials) {
      for (let windows = fewest.length - 1; windows >= length; windows -= 1) {
        fewest[windows] = Math.min(fewest[windows], fewest[windows - length] + 1);
      }
    }
    return fewest.map((count) => (count === Infinity ? -1 : count));
  };

  /** To the nearest whole number, halves to the even one. */
  const halfEven = (value) => (value % 1 === 0.5 ? 2 * Math.round(value / 2) : Math.round(value));

  const trialRow = (units, trials, full) => {
    const n = sum(trials), fewest = fewestTrials(checkedTrials(trials));
    const cost = fewest.map((count) => (count < 0 ? trials.length + 1 : count));
    const reach = halfEven(n / trials.length / 2);
    const times = new Map();
    for (const unit of units) times.set(unit, (times.get(unit) || 0) + 1);
    let total = 0, chances = [1], whole = 0, wrongTrials = 0;
    const shares = [];
    for (const [unit, printed] of times) {
      const k = correct(unit, n, "nearest", full), wrong = n - k;
      if (k < 0) continue;
      wrongTrials += Math.max(fewest[wrong], 0) * printed;
      if (wrong === 0 || wrong === n) continue;
      const near = cost.slice(Math.max(wrong - reach, 1), Math.min(wrong + reach, n - 1) + 1);
      const counts = new Array(Math.max(...near) + 1).fill(0);
      for (const count of near) counts[count] += 1 / near.length;
      total += cost[wrong];
      whole += fewest[wrong] >= 0;
      chances = convolved(chances, counts);
      shares.push(near.filter((count) => count <= trials.length).length / near.length);
    }
    return {
      method: ALL, trials: String(trials.length), distinct: shares.length, whole, expected: sum(shares),
      trials_wrong: wrongTrials, p_value: shares.length ? Math.min(sum(chances.slice(0, total + 1)), 1) : 1,
    };
  };

  // --- means -------------------------------------------------------------------------------------------------------------

  const meanRow = (units, full) => {
    const values = units.map((unit) => (100 * unit) / full), n = values.length, mean = sum(values) / n;
    const squares = sum(values.map((value) => (value - mean) ** 2));
    return {
      method: ALL, session: ALL, n, mean, population_sd: Math.sqrt(squares / n),
      sample_sd: n > 1 ? Math.sqrt(squares / (n - 1)) : null,
    };
  };

  // --- findings ----------------------------------------------------------------------------------------------------------

  /** A number with so many decimals; exact halves go to the even digit, as Python prints them. */
  const fixed = (value, decimals) => {
    const exact = Math.abs(value).toFixed(60), cut = exact.indexOf(".") + 1 + decimals;
    if (!/^50*$/.test(exact.slice(cut))) return value.toFixed(decimals);
    const down = exact.slice(0, cut).replace(/\.$/, "");
    return Number(down.at(-1)) % 2 ? value.toFixed(decimals) : (value < 0 ? "-" : "") + down;
  };

  /** A number with so many significant digits, as Python's format "g" writes it. */
  const general = (value, digits) => {
    if (value === 0) return "0";
    const [mantissa, exponent] = value.toExponential(digits - 1).split("e");
    if (exponent < -4 || exponent >= digits) {
      const shown = mantissa.includes(".") ? mantissa.replace(/\.?0+$/, "") : mantissa;
      return `${shown}e${exponent[0]}${exponent.slice(1).padStart(2, "0")}`;
    }
    const text = value.toFixed(Math.max(digits - 1 - exponent, 0));
    return text.includes(".") ? text.replace(/\.?0+$/, "") : text;
  };

  const findingsOf = ({ granularity, search, trials }) => {
    const found = [], best = granularity[0];
    if (best && best.p_value <= LEVEL / granularity.length) {
      found.push({
        kind: "granularity", p_value: best.p_value,
        text: `${ALL}: ${best.matches} of the ${best.tested} accuracies that are not 0 or 100 are k/n with n = ` +
          `${best.windows} (${best.rounding}); ${fixed(best.expected, 1)} would be by chance (p = ` +
          `${general(best.p_value, 1)}).`,
      });
    }
    const shown = found.length ? Number(best.windows) : null;
    for (const row of search) {
      const isMultiple = shown !== null && row.windows !== shown && row.windows % shown === 0;
      if (row.windows === null || row.expected > LEVEL / search.length || isMultiple) continue;
      const more = row.multiples.length ? ` (its multiples ${row.multiples.join(", ")} fit too)` : "";
      found.push({
        kind: "search", p_value: row.expected,
        text: `${ALL}: n = ${row.windows} is the smallest that fits every accuracy${more}; ` +
          `${general(row.expected, 1)} n up to it would by chance.`,
      });
    }
    for (const row of trials) {
      if (row.p_value > LEVEL / trials.length) continue;
      found.push({
        kind: "trials", p_value: row.p_value,
        text: `${ALL}: the wrong windows of ${row.whole} of ${row.distinct} distinct accuracies are sums of whole ` +
          `trials; ${fixed(row.expected, 1)} would be by chance (p = ${general(row.p_value, 1)}).`,
      });
    }
    return found;
  };

  /** Every test on one column, as `AuditReport.to_dict` has it: text of the accuracies, of window counts, of trials. */
  const audit = (accuracies, windows = "", trials = "") => {
    const { units, decimals } = printedUnits(cellsOf(accuracies)), full = 100 * 10 ** decimals;
    const lengths = wholeNumbers(trials, "windows of the trials");
    const report = {
      granularity: granularityRows(units, wholeNumbers(windows, "window counts"), full),
      search: [searchRow(units, full)],
      trials: lengths.length ? [trialRow(units, lengths, full)] : [],
      means: [meanRow(units, full)],
      decimals,
    };
    return { findings: findingsOf(report), ...report };
  };

  // --- the form ----------------------------------------------------------------------------------------------------------

  const TABLES = {
    granularity: ["Accuracies that are k/n", ["windows", "rounding", "tested", "matches", "expected", "p_value"]],
    search: ["Smallest n of which all accuracies are shares", ["windows", "multiples", "others", "expected"]],
    trials: ["Wrong windows as sums of whole trials",
      ["trials", "distinct", "whole", "expected", "trials_wrong", "p_value"]],
    means: ["Mean and standard deviations", ["n", "mean", "population_sd", "sample_sd"]],
  };

  const cellText = (column, value) => {
    if (value === null) return "–";
    if (Array.isArray(value)) return value.join(", ") || "none";
    if (column === "p_value") return general(value, 1);
    if (column === "expected") return general(value, 2);
    return typeof value === "number" && !Number.isInteger(value) ? fixed(value, 2) : String(value);
  };

  const element = (name, text = "", children = []) => {
    const made = document.createElement(name);
    made.textContent = text;
    made.append(...children);
    return made;
  };

  const tableOf = ([title, columns], rows) => {
    const head = element("tr", "", columns.map((column) => {
      const cell = element("th", column.replace("_", " "));
      cell.scope = "col";
      return cell;
    }));
    const body = rows.map((row) =>
      element("tr", "", columns.map((column) => element("td", cellText(column, row[column])))));
    return element("table", "", [element("caption", title), element("thead", "", [head]), element("tbody", "", body)]);
  };

  const shownReport = (report) => {
    const sentences = report.findings.map(({ text }) => element("li", text));
    const found = sentences.length ? element("ol", "", sentences) : element("p", "Nothing beyond chance.");
    const tables = Object.entries(TABLES)
      .filter(([name]) => report[name].length)
      .map(([name, shape]) => tableOf(shape, report[name]));
    const note = `Level ${LEVEL} for each kind of test, divided by the number of its tests. Searched: n from ` +
      `${SEARCHED.join(" to ")}. This is arithmetic on printed numbers; it does not say why they are so.`;
    return [element("h3", "Findings"), found, ...tables, element("p", note)];
  };

  const start = (form) => {
    const answer = form.querySelector("output");
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const { accuracies, windows, trials } = form.elements;
      try {
        answer.replaceChildren(...shownReport(audit(accuracies.value, windows.value, trials.value)));
      } catch (error) {
        if (!(error instanceof TableError)) throw error;
        answer.replaceChildren(element("p", error.message));
      }
    });
  };

  window.ufamaAudit = audit;
  document.querySelectorAll("form.audit-form").forEach(start);
})();
