// Who one is, where one is, and how it looks.

import * as api from "./api.js";
import { h, patch, toast } from "./dom.js";
import { icon } from "./icons.js";
import { avatar } from "./messages.js";
import { _ } from "./words.js";

export function showSidebar(root, app) {
  const { hello, screen } = app;
  root.querySelector(".team").textContent = hello.team;
  root.querySelector(".people-label").textContent = _("You are");
  patch(root.querySelector(".people"), hello.cast.map((id) => ({ ...hello.people[id], me: id === app.user })), {
    key: (one) => one.id, salt: app.salt(), draw: (one) => personButton(one, app),
  });
  const places = screen.channels.map((one) => {
    const last = one.messages.filter((message) => message.user !== app.user).at(-1)?.ts ?? "0";
    return { ...one, messages: undefined, here: app.channelId() === one.id, unread: app.isUnread(one.id, last) };
  });
  root.querySelector(".channels-label").textContent = _("Channels");
  root.querySelector(".apps-label").textContent = _("Apps");
  for (const [name, im] of [[".channels", false], [".apps", true]])
    patch(root.querySelector(name), places.filter((one) => one.is_im === im), {
      key: (one) => one.id, salt: app.salt(), draw: (one) => placeButton(one, app),
    });
  patch(root.querySelector(".settings"), [{ locale: hello.people[app.user].locale, theme: document.documentElement.dataset.theme }], {
    key: () => "settings", salt: app.salt(), draw: (one) => settings(one, app),
  });
}

function personButton(person, app) {
  return h("button", { type: "button", class: `person${person.me ? " on" : ""}`, "aria-pressed": String(person.me),
    "data-focus": person.id, onclick: () => app.become(person.id) },
    avatar(person), h("span", {}, person.real_name,
      h("small", {}, person.is_admin ? _("Admin") : _("Student"))));
}

function placeButton(place, app) {
  const name = place.is_im ? app.hello.people[app.hello.bot].real_name : place.name;
  return h("button", { type: "button", class: `place${place.here ? " on" : ""}${place.unread ? " unread" : ""}`,
    "aria-current": place.here ? "page" : undefined, "data-focus": place.id, onclick: () => app.go(place.is_im ? "messages" : place.id) },
    icon(place.is_im ? "server" : "hash"), h("span", {}, name),
    place.unread && h("span", { class: "dot new" }, h("span", { class: "unseen" }, _("new"))));
}

function settings({ locale, theme }, app) {
  const dark = theme === "dark";
  const nameOf = (code) => new Intl.DisplayNames([code], { type: "language" }).of(code);
  const { languages } = app.hello;
  const choose = languages.length > 0 && h("select", { class: "input select", "aria-label": _("Language"), "data-focus": "language",
    onchange: () => api.stage("language", { user: app.user, locale: choose.value }).then(() => app.reconnect(), (error) => toast(error.message)) },
    languages.map((code) => h("option", { value: code, selected: locale.startsWith(code) }, nameOf(code))));
  return h("div", { class: "setting-row" }, choose,
    h("button", { type: "button", class: "button quiet", "data-focus": "theme", "aria-label": dark ? _("Light colors") : _("Dark colors"),
      title: dark ? _("Light colors") : _("Dark colors"), onclick: () => app.setTheme(dark ? "light" : "dark") }, icon(dark ? "sun" : "moon")));
}
