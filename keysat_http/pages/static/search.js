// The search box: / goes to it from anywhere, arrows go through what was found, Escape leaves it.
"use strict";
(() => {
  const box = () => document.getElementById("search");
  const hits = () => document.getElementById("search-hits");
  const found = () => [...(hits()?.querySelectorAll("a") ?? [])];

  const isTyping = (target) =>
    target.isContentEditable || target.matches?.("input, textarea, select") || target.closest?.("dialog");

  function close() {
    hits()?.replaceChildren();
  }

  function open() {
    const menu = document.getElementById("menu-button");
    if (menu && menu.offsetParent && menu.getAttribute("aria-expanded") !== "true") menu.click();
    box().focus();
    box().select();
  }

  function step(event, by) {
    const links = found();
    if (!links.length) return;
    event.preventDefault();
    const at = links.indexOf(document.activeElement) + by;
    if (at < 0) box().focus();
    else links[Math.min(at, links.length - 1)].focus();
  }

  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && !event.ctrlKey && !event.metaKey && !event.altKey) {
      if (!box() || isTyping(event.target)) return;
      event.preventDefault();
      open();
      return;
    }
    const isInside = event.target === box() || hits()?.contains(event.target);
    if (!isInside) return;
    if (event.key === "ArrowDown") step(event, 1);
    if (event.key === "ArrowUp") step(event, -1);
    if (event.key === "Escape" && found().length) {
      event.preventDefault();
      event.stopPropagation();
      close();
      box().focus();
    }
  });
  document.addEventListener("click", (event) => {
    if (!event.target.closest?.(".search")) close();
  });
  document.addEventListener("focusin", (event) => {
    if (!event.target.closest?.(".search")) close();
  });
})();
