// A slider over measured strengths of the film: the row of the table that it stands at, drawn and in words. Every strength
// has its marks, and nothing joins them: between two strengths nothing was measured.
"use strict";

(() => {
  const WIDTH = 420, HEIGHT = 220;
  const SHIFT = 5; // of the two lines' marks, so that none covers the other
  const SVG = "http://www.w3.org/2000/svg";

  const shape = (name, attributes, text = "") => {
    const made = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.textContent = text;
    return made;
  };

  const MARKS = [
    (x, y, size) => shape("circle", { cx: x, cy: y, r: size }),
    (x, y, size) => shape("rect", { x: x - size, y: y - size, width: 2 * size, height: 2 * size }),
  ];

  /** All strengths in pale marks, the chosen one with its interval. */
  const drawing = ({ strengths, lines, chance }, chosen) => {
    const svg = shape("svg", { viewBox: `-46 -10 ${WIDTH + 60} ${HEIGHT + 62}`, "aria-hidden": "true" });
    const x = (position) => (Number(strengths[position]) / Number(strengths.at(-1))) * WIDTH;
    const y = (percent) => HEIGHT - (percent / 100) * HEIGHT;
    svg.append(shape("rect", { x: -12, y: 0, width: WIDTH + 24, height: HEIGHT, class: "frame" }));
    svg.append(shape("line", { x1: -12, x2: WIDTH + 12, y1: y(chance), y2: y(chance), class: "chance" }));
    for (const percent of [0, 50, 100]) {
      svg.append(shape("text", { x: -18, y: y(percent) + 4, "text-anchor": "end" }, percent));
    }
    for (const position of new Set([0, chosen, strengths.length - 1])) {
      svg.append(shape("text", { x: x(position), y: HEIGHT + 18, "text-anchor": "middle" }, strengths[position]));
    }
    svg.append(shape("text", { x: WIDTH / 2, y: HEIGHT + 40, "text-anchor": "middle" }, "strength of the film"));
    lines.forEach(({ percent, low, high, colour }, line) => {
      const across = (position) => x(position) + (line ? SHIFT : -SHIFT), at = across(chosen);
      const ends = { x1: at, x2: at, y1: y(low[chosen]), y2: y(high[chosen]) };
      svg.append(shape("line", { ...ends, stroke: colour, "stroke-width": 3 }));
      percent.forEach((value, position) => {
        const isChosen = position === chosen, mark = MARKS[line](across(position), y(value), isChosen ? 7 : 4);
        mark.setAttribute("fill", colour);
        mark.setAttribute("opacity", isChosen ? 1 : 0.45);
        svg.append(mark);
      });
    });
    return svg;
  };

  /** The chosen row in words, each line with its mark. */
  const sentences = ({ lines, chance }, chosen) => [
    ...lines.map(({ title, text, colour }, line) => {
      const made = document.createElement("p"), mark = document.createElement("span");
      mark.className = line ? "mark" : "mark round";
      mark.style.background = colour;
      made.append(mark, `${title}: ${text[chosen]} % of the windows are right.`);
      return made;
    }),
    Object.assign(document.createElement("p"), { textContent: `Chance: ${chance} %.` }),
  ];

  const start = (form) => {
    const data = JSON.parse(form.querySelector("script").textContent), answer = form.querySelector("output");
    const slider = form.elements.strength;
    const show = () => {
      const chosen = Number(slider.value);
      slider.setAttribute("aria-valuetext", `${data.strengths[chosen]} times the calibrated size`);
      form.querySelector(".slider-value").textContent = `× ${data.strengths[chosen]}`;
      answer.replaceChildren(drawing(data, chosen), ...sentences(data, chosen));
    };
    form.addEventListener("input", show);
    form.addEventListener("submit", (event) => event.preventDefault());
    show();
  };

  document.querySelectorAll("form.strength-slider").forEach(start);
})();
