// A click on a figure, or on its button, shows it as large as the window; Escape, or another click, puts it back.
"use strict";

(() => {
  let view = null;

  const makeView = () => {
    view = document.createElement("dialog");
    view.className = "figure-view";
    view.setAttribute("aria-label", "Enlarged figure");
    view.innerHTML = `<button type="button" aria-label="Close">Close</button>`;
    view.addEventListener("click", () => view.close());
    document.body.append(view);
  };

  const enlarge = (drawing) => {
    if (!view) makeView();
    if (view.open) return;
    const place = document.createComment("the enlarged figure's place");
    drawing.parentElement.style.minHeight = `${drawing.parentElement.offsetHeight}px`;
    drawing.replaceWith(place);
    view.append(drawing);
    view.addEventListener("close", () => {
      place.replaceWith(drawing);
      drawing.parentElement.style.minHeight = "";
    }, { once: true });
    view.showModal();
  };

  document.addEventListener("DOMContentLoaded", () => {
    for (const figure of document.querySelectorAll(".figure-drawn")) {
      const drawing = figure.querySelector("svg");
      const button = figure.querySelector(".figure-enlarge");
      button.hidden = false;
      button.addEventListener("click", () => enlarge(drawing));
      drawing.addEventListener("click", () => enlarge(drawing));
    }
  });
})();
