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

// Parts of a page that show how things are now ([data-live], each with an id) are looked at again every 30 seconds,
// unless a person stopped that, fills in a form, or is in the middle of them: nothing moves under a reader's pointer,
// focus or selection.
(() => {
  const parts = () => [...document.querySelectorAll("[data-live]")];
  const told = document.getElementById("updates");
  if (!parts().length || !told) return;
  const at = told.querySelector("time");
  const how = told.querySelector("span");
  const said = document.getElementById("said");
  const stop = told.querySelector("button");
  const stopped = () => document.cookie.split("; ").includes("updates=off");
  const busy = (part) => part.contains(document.activeElement) || part.querySelector("details[open]") || part.matches(":hover")
    || (!getSelection().isCollapsed && getSelection().containsNode(part, true));
  const waits = () => parts().some(busy) || document.activeElement.matches("input, select, textarea");
  const tell = () => {
    how.textContent = stopped() ? "Updates are stopped." : waits() ? "Updates wait while you use this part." : "Refreshes every 30 seconds.";
    stop.textContent = stopped() ? "Start updates" : "Stop updates";
  };
  const look = async () => {
    if (document.hidden || stopped()) return;
    tell();
    if (waits()) return;
    try {
      const answer = await fetch(location.href, { signal: AbortSignal.timeout(20000) });
      if (!answer.ok || answer.redirected) return;
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      if (waits() || stopped()) return;
      parts().forEach((part) => {
        const next = fresh.getElementById(part.id);
        if (next) part.replaceWith(document.adoptNode(next));
      });
      const clock = document.querySelector(".clock time");
      clock.replaceWith(document.adoptNode(fresh.querySelector(".clock time")));
      at.textContent = document.querySelector(".clock time").textContent;
      if (document.title !== fresh.title) {
        document.title = fresh.title;
        if (said) said.textContent = fresh.title;
      }
    } catch { /* the clock in the header tells from when all of it is */ }
  };
  stop.addEventListener("click", () => {
    document.cookie = `updates=${stopped() ? "on" : "off"}; path=/; max-age=31536000; samesite=strict`;
    tell();
    look();
  });
  stop.hidden = false;
  tell();
  setInterval(look, 30000);
})();
