"use strict";
// Keys as the page "Settings" lists them. Nothing here changes anything: every action is a form that works without it.
(() => {
  const places = { o: "/", r: "/recipients", p: "/providers", s: "/streams", i: "/incidents", v: "/review", b: "/outbox", e: "/events" };
  const off = document.cookie.split("; ").includes("keys=off");
  let going = false;

  const rows = () => [...document.querySelectorAll("main a.row")];
  const step = (by) => {
    const all = rows();
    const at = all.indexOf(document.activeElement);
    const next = all[Math.min(all.length - 1, Math.max(0, at + by))];
    if (next) next.focus();
  };
  const keys = {
    "/": () => document.getElementById("find").focus(),
    j: () => step(1),
    k: () => step(-1),
    f: () => document.querySelector("main form.filter :is(input:not([type=hidden]), select)")?.focus(),
    g: () => { going = true; setTimeout(() => { going = false; }, 1500); },
    "?": () => { location.href = "/settings#keys"; },
  };

  document.addEventListener("keydown", (event) => {
    const target = event.target;
    if (off || event.ctrlKey || event.metaKey || event.altKey || target.closest("input, select, textarea, [contenteditable]")) return;
    if (going && places[event.key]) {
      location.href = places[event.key];
    } else if (["1", "2", "3", "4"].includes(event.key)) {
      document.querySelectorAll("nav.seg-ctl[aria-label='Time range'] a")[Number(event.key) - 1]?.click();
    } else if (keys[event.key]) {
      event.preventDefault();
      keys[event.key]();
    }
  });
})();
