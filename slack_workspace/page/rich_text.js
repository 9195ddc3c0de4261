// rich_text blocks: sections, lists, quotes and preformatted text.

import { EMOJI } from "./emoji.js";
import { h } from "./dom.js";
import { mrkdwn } from "./mrkdwn.js";

export function richText(block, world) {
  return h("div", { class: "rich" }, block.elements.map((one) => part(one, world)));
}

function part(element, world) {
  const inside = () => element.elements.map((one) => leaf(one, world));
  if (element.type === "rich_text_list")
    return h(element.style === "ordered" ? "ol" : "ul", {}, element.elements.map((one) => h("li", {}, part(one, world))));
  if (element.type === "rich_text_preformatted") return h("pre", {}, h("code", {}, inside()));
  if (element.type === "rich_text_quote") return h("blockquote", {}, inside());
  return h("div", { class: "line prewrap" }, inside());
}

function leaf(one, world) {
  if (one.type === "emoji") return EMOJI[one.name] ?? `:${one.name}:`;
  if (one.type === "link") return mrkdwn(`<${one.url}|${one.text ?? one.url}>`, world);
  if (one.type === "user") return mrkdwn(`<@${one.user_id}>`, world);
  if (one.type === "channel") return mrkdwn(`<#${one.channel_id}>`, world);
  let node = document.createTextNode(one.text ?? one.fallback ?? "");
  for (const [style, tag] of [["code", "code"], ["bold", "strong"], ["italic", "em"], ["strike", "s"]])
    if (one.style?.[style]) node = h(tag, {}, node);
  return node;
}
