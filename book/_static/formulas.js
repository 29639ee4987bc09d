// A formula that is wider than its place scrolls; the keyboard reaches it.
"use strict";

document.addEventListener("DOMContentLoaded", () => {
  const focusable = () => {
    for (const formula of document.querySelectorAll("div.math, div.math > mjx-container")) {
      if (formula.scrollWidth > formula.clientWidth) formula.tabIndex = 0;
    }
  };
  const typeset = window.MathJax && window.MathJax.startup ? window.MathJax.startup.promise : Promise.resolve();
  typeset.then(focusable);
});
