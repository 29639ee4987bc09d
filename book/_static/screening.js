// Two sliders over a stored batch: the screening of ufama.core.screening (the batch is the whole pool) and what becomes of
// each window. A test compares the two over a grid of positions.
"use strict";

(() => {
  const SIDE = 300; // of the drawing
  const SHAPES = { consistent: "circle", partly_low: "square", conflicting: "cross", unused: "point" };
  const SVG = "http://www.w3.org/2000/svg";

  const largest = (row) => Math.max(...row);
  const mostProbable = (row) => row.indexOf(largest(row));

  /** Groups of the windows, the lowest confidence that is kept, whether the gate is open, and who is taught. */
  const screened = ({ eeg, eye, fusion, inclusive }, share, gate) => {
    const modalities = [eeg, eye];
    const confidence = modalities.map((head) => head.map(largest));
    const label = modalities.map((head) => head.map(mostProbable));
    const pool = confidence.flat().sort((one, two) => two - one);
    const count = Math.ceil(share * pool.length - 1e-9);
    const threshold = count > 0 ? pool[count - 1] : Infinity;
    const open = inclusive ? threshold >= gate : threshold > gate;
    const groups = [], teachers = [];
    eeg.forEach((_, window) => {
      const kept = confidence.map((values) => values[window] >= threshold);
      const same = label[0][window] === label[1][window];
      const teacher = kept[0] !== kept[1] ? kept.indexOf(true) : null;
      groups.push(teacher !== null ? "partly_low" : !kept[0] ? "unused" : same ? "consistent" : "conflicting");
      const confirmed = teacher !== null && label[teacher][window] === mostProbable(fusion[window]);
      teachers.push(confirmed && open ? ["eeg", "eye"][teacher] : null);
    });
    const entries = confidence.flat().filter((value) => value >= threshold).length;
    return { confidence, groups, threshold, open, entries, teachers };
  };

  const shape = (name, attributes) => {
    const made = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    return made;
  };

  const marks = {
    circle: (x, y) => shape("circle", { cx: x, cy: y, r: 6 }),
    square: (x, y) => shape("rect", { x: x - 5, y: y - 5, width: 10, height: 10 }),
    cross: (x, y) => shape("path", { d: `M${x - 5} ${y - 5}l10 10m0 -10l-10 10`, "stroke-width": 4 }),
    point: (x, y) => shape("circle", { cx: x, cy: y, r: 4 }),
  };

  /** Each window by its two confidences (from 0 to 1), the lowest kept one as lines, the gate as a dashed one. */
  const drawing = ({ confidence, groups, threshold }, gate, colours) => {
    const svg = shape("svg", { viewBox: `-34 -8 ${SIDE + 42} ${SIDE + 42}`, "aria-hidden": "true" });
    const place = (value) => value * SIDE;
    const line = (value, kind) => {
      const at = place(value), style = { class: kind };
      svg.append(shape("line", { x1: at, x2: at, y1: 0, y2: SIDE, ...style }));
      svg.append(shape("line", { y1: SIDE - at, y2: SIDE - at, x1: 0, x2: SIDE, ...style }));
    };
    svg.append(shape("rect", { x: 0, y: 0, width: SIDE, height: SIDE, class: "frame" }));
    line(gate, "gate");
    if (Number.isFinite(threshold)) line(threshold, "threshold");
    groups.forEach((group, window) => {
      const mark = marks[SHAPES[group]](place(confidence[0][window]), SIDE - place(confidence[1][window]));
      mark.setAttribute("fill", colours[group]);
      mark.setAttribute("stroke", group === "conflicting" ? colours[group] : "currentColor");
      svg.append(mark);
    });
    for (const [text, x, y, turn] of [["EEG confidence", SIDE / 2, SIDE + 26, 0], ["eye confidence", -20, SIDE / 2, -90]]) {
      const label = shape("text", { x, y, transform: `rotate(${turn} ${x} ${y})`, "text-anchor": "middle" });
      label.textContent = text;
      svg.append(label);
    }
    return svg;
  };

  const paragraph = (text) => {
    const made = document.createElement("p");
    made.textContent = text;
    return made;
  };

  /** The result in words. */
  const sentences = ({ groups, threshold, open, entries, teachers }, titles) => {
    const counts = Object.entries(titles).map(([group, title]) =>
      `${title} ${groups.filter((one) => one === group).length} (${SHAPES[group]}s)`);
    const taught = teachers.filter(Boolean).length;
    const lowest = entries ? `the lowest has ${threshold.toFixed(2)}, so the gate is ${open ? "open" : "closed"}`
      : "the gate is closed";
    return [
      `Kept: ${entries} of ${2 * groups.length} entries; ${lowest}.`,
      `Windows: ${counts.join(", ")}.`,
      open ? `Distillation uses ${taught} of those with one modality kept: the fusion head confirms the label.`
        : "Distillation uses no window.",
    ];
  };

  const start = (form) => {
    const data = JSON.parse(form.querySelector("script").textContent), answer = form.querySelector("output");
    const show = () => {
      for (const slider of form.querySelectorAll("input")) {
        slider.parentElement.querySelector(".slider-value").textContent = Number(slider.value).toFixed(2);
      }
      const share = Number(form.elements.share.value), gate = Number(form.elements.gate.value);
      const result = screened(data, share, gate);
      answer.replaceChildren(drawing(result, gate, data.colours), ...sentences(result, data.titles).map(paragraph));
    };
    form.addEventListener("input", show);
    form.addEventListener("submit", (event) => event.preventDefault());
    show();
  };

  window.ufamaScreening = screened;
  document.querySelectorAll("form.screening-sliders").forEach(start);
})();
