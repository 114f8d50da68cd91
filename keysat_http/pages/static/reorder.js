// A list whose order is saved at once, and a choice of what is shown that a browser remembers.
//
//   data-reorder="PUT /v1/…" data-reorder-field="policy_ids"
//                   the list; its items (data-item="ID", data-item-name) are dragged by their
//                   data-handle or moved by buttons with data-move="-1" and "1"
//   data-remember="archived"
//                   links that say archived=yes or archived=no in their address: what was chosen last
//                   holds wherever the address says nothing
"use strict";
(() => {
  const EDGE_PIXELS = 60;
  const SCROLL_PIXELS = 12;

  const itemsOf = (list) => [...list.querySelectorAll("[data-item]")];
  const idsOf = (list) => itemsOf(list).map((item) => item.dataset.item);

  let wanted = null;
  let isSaving = false;

  // One after the other: what is moved while an order is being saved is saved after it.
  async function save(list, item) {
    const { call, refresh, showFailure, toast } = window.keysatAdmin;
    const place = itemsOf(list).indexOf(item) + 1;
    wanted = { list, ids: idsOf(list), said: `Order saved: ${item.dataset.itemName} is ${place} of ${itemsOf(list).length}.` };
    if (isSaving) return;
    isSaving = true;
    try {
      while (wanted) {
        const { ids, said } = wanted;
        wanted = null;
        await call(list.dataset.reorder, { [list.dataset.reorderField]: ids });
        if (!wanted) await refresh();
        if (!wanted) toast(said);
      }
    } catch (failure) {
      wanted = null;
      showFailure(list, failure);
      await refresh();
    } finally {
      isSaving = false;
    }
  }

  function place(list, ids) {
    const byId = new Map(itemsOf(list).map((item) => [item.dataset.item, item]));
    const others = [...list.children].filter((one) => !("item" in one.dataset));
    list.append(...ids.map((id) => byId.get(id)), ...others);
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-reorder] [data-move]");
    if (!button) return;
    const item = button.closest("[data-item]");
    const list = item.closest("[data-reorder]");
    const items = itemsOf(list);
    const step = Number(button.dataset.move);
    const other = items[items.indexOf(item) + step];
    if (!other) return;
    if (step < 0) other.before(item);
    else other.after(item);
    button.focus();
    save(list, item);
  });

  // Dragging with a mouse, a finger or a pen. Whoever cannot drag has the buttons.
  let drag = null;

  function finish(isKept) {
    const { list, item, before } = drag;
    item.classList.remove("dragged");
    drag = null;
    if (!isKept) place(list, before);
    else if (idsOf(list).join() !== before.join()) save(list, item);
  }

  document.addEventListener("pointerdown", (event) => {
    const handle = event.target.closest?.("[data-handle]");
    if (!handle || event.button !== 0) return;
    event.preventDefault();
    const item = handle.closest("[data-item]");
    const list = item.closest("[data-reorder]");
    drag = { list, item, before: idsOf(list), pointer: event.pointerId };
    item.classList.add("dragged");
    handle.setPointerCapture(event.pointerId);
  });
  document.addEventListener("pointermove", (event) => {
    if (event.pointerId !== drag?.pointer) return;
    if (event.clientY < EDGE_PIXELS) scrollBy(0, -SCROLL_PIXELS);
    if (event.clientY > innerHeight - EDGE_PIXELS) scrollBy(0, SCROLL_PIXELS);
    const over = document.elementFromPoint(event.clientX, event.clientY)?.closest("[data-item]");
    if (!over || over === drag.item || over.closest("[data-reorder]") !== drag.list) return;
    const items = itemsOf(drag.list);
    if (items.indexOf(drag.item) < items.indexOf(over)) over.after(drag.item);
    else over.before(drag.item);
    // Moving an element in the document lets go of the pointer.
    const handle = drag.item.querySelector("[data-handle]");
    if (!handle.hasPointerCapture(event.pointerId)) handle.setPointerCapture(event.pointerId);
  });
  document.addEventListener("pointerup", (event) => {
    if (event.pointerId === drag?.pointer) finish(true);
  });
  document.addEventListener("pointercancel", (event) => {
    if (event.pointerId === drag?.pointer) finish(false);
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && drag) finish(false);
  });

  // What is remembered. A browser that keeps nothing forgets it, and nothing else.
  const keyOf = (name) => `keysat:${name}`;

  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-remember]");
    if (!link) return;
    const name = link.dataset.remember;
    const value = new URL(link.href).searchParams.get(name);
    try {
      localStorage.setItem(keyOf(name), value);
    } catch { /* Not kept. */ }
  });
  document.addEventListener("DOMContentLoaded", () => {
    const name = document.querySelector("a[data-remember]")?.dataset.remember;
    const here = new URL(location.href);
    if (!name || here.searchParams.has(name)) return;
    try {
      if (localStorage.getItem(keyOf(name)) !== "yes") return;
    } catch {
      return;
    }
    here.searchParams.set(name, "yes");
    location.replace(here);
  });
})();
