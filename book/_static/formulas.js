// A formula that is wider than its place scrolls; the keyboard reaches it.
"use strict";

document.addEventListener("DOMContentLoaded", () => {
  const focusable = () => {
    for (const formula of document.querySelectorAll("div.math, div.math > mjx-container")) {
      if (formula.scrollWidth > formula.clientWidth) formula.tabIndex = 0;
    }
  };
  Promise.resolve(window.MathJax?.startup?.promise).then(focusable);
});
