// A card beside a link: the source, equation, row of the ledger or word of the glossary that it leads to. The texts are in
// the page (book/_ext/hover_cards.py). The card appears on hover and on focus; Escape, or leaving, closes it.
"use strict";

(() => {
  const data = document.getElementById("hover-cards");
  if (!data) return;
  const cards = JSON.parse(data.textContent);
  const CLOSE_AFTER = 150; // ms, so that the pointer can move into the card
  const MARGIN = 8;

  const card = document.createElement("div");
  card.id = "hover-card";
  card.className = "hover-card mathjax_process screen-only";
  card.setAttribute("role", "tooltip");
  card.hidden = true;
  document.body.append(card);
  let link = null, closing = 0;

  const line = (name, text) => {
    const made = document.createElement(name);
    made.textContent = text;
    return made;
  };

  /** Text whose formulas stand between dollars, typeset where the page has MathJax. */
  const withFormulas = (text) => text.replace(/\$([^$]+)\$/g, window.MathJax?.typesetPromise ? "\\($1\\)" : "$1");

  const fill = ({ title, texts, tex }) => {
    const parts = title ? [line("strong", title)] : [];
    parts.push(...texts.filter(Boolean).map((text) => line("p", withFormulas(text))));
    if (tex) parts.push(line("div", window.MathJax?.typesetPromise ? `\\[${tex}\\]` : tex));
    card.replaceChildren(...parts);
  };

  /** Below the link, or above it where there is no room. */
  const place = () => {
    const at = link.getBoundingClientRect(), size = card.getBoundingClientRect();
    const room = document.documentElement.clientWidth - size.width - MARGIN;
    const below = at.bottom + MARGIN + size.height <= window.innerHeight;
    card.style.left = `${window.scrollX + Math.max(MARGIN, Math.min(at.left, room))}px`;
    card.style.top = `${window.scrollY + (below ? at.bottom + MARGIN / 2 : at.top - size.height - MARGIN / 2)}px`;
  };

  const close = () => {
    clearTimeout(closing);
    card.hidden = true;
    link?.removeAttribute("aria-describedby");
    link = null;
  };

  const open = async (wanted) => {
    clearTimeout(closing);
    if (link === wanted) return;
    close();
    link = wanted;
    fill(cards[link.getAttribute("href")]);
    card.hidden = false;
    link.setAttribute("aria-describedby", card.id);
    place();
    await window.MathJax?.typesetPromise?.([card]);
    if (link === wanted) place();
  };

  const closeSoon = () => {
    clearTimeout(closing);
    closing = setTimeout(close, CLOSE_AFTER);
  };

  for (const one of document.querySelectorAll("article a[href]")) {
    if (!Object.hasOwn(cards, one.getAttribute("href")) || one.classList.contains("headerlink")) continue;
    one.removeAttribute("title"); // the browser's own tip would lie over the card
    one.addEventListener("pointerenter", () => open(one));
    one.addEventListener("focus", () => open(one));
    one.addEventListener("pointerleave", closeSoon);
    one.addEventListener("blur", closeSoon);
  }
  card.addEventListener("pointerenter", () => clearTimeout(closing));
  card.addEventListener("pointerleave", closeSoon);
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") close(); });
})();
