// The blocks of messages, modals and the App Home.

import { h, newId, patch } from "./dom.js";
import { draw } from "./elements.js";
import { emojis, mrkdwn, textObject } from "./mrkdwn.js";
import { richText } from "./rich_text.js";
import { _ } from "./words.js";

/** Makes `parent` show the blocks; those that did not change stay as they are, with what is being typed. */
export function showBlocks(parent, blocks, context, salt) {
  patch(parent, blocks, { key: (block) => block.block_id, salt, draw: (block) => drawBlock(block, context) });
}

function drawBlock(block, context) {
  const maker = MAKERS[block.type];
  return maker
    ? maker(block, context)
    : h("p", { class: "faint" }, _("This page can't show a {kind}.", { kind: block.type }));
}

function section(block, context) {
  return h("div", { class: "block section" },
    h("div", { class: "section-text" },
      block.text && h("div", { class: "text" }, textObject(block.text, context.world)),
      block.fields && h("div", { class: "fields" },
        block.fields.map((one) => h("div", { class: "text" }, textObject(one, context.world))))),
    block.accessory && h("div", { class: "accessory" }, part(block, block.accessory, context)));
}

function actions(block, context) {
  return h("div", { class: "block actions" }, block.elements.map((one) => part(block, one, context)));
}

function part(block, element, context) {
  return element.type === "image" ? image(element, "thumb") : draw(block, element, context);
}

function small(block, context) {
  return h("div", { class: "block context" }, block.elements.map((one) =>
    one.type === "image" ? image(one, "tiny") : h("div", { class: "text" }, textObject(one, context.world))));
}

const GROUPS = new Set(["radio_buttons", "checkboxes", "multi_static_select"]);

function input(block, context) {
  const [label, hint, error, field] = ["label", "hint", "error", "field"].map(newId);
  const several = GROUPS.has(block.element.type);
  const optional = block.optional && h("span", { class: "faint optional" }, _("(optional)"));
  const about = { "aria-describedby": `${error} ${hint}`, "aria-required": block.optional ? undefined : "true" };
  const named = several ? { "aria-labelledby": label } : { id: field };
  return h("div", { class: "block field", "data-block": block.block_id },
    h(several ? "div" : "label", { class: "label", id: label, for: several ? undefined : field },
      textObject(block.label, context.world), optional),
    draw(block, block.element, context, { ...about, ...named }),
    h("div", { class: "error", id: error, role: "alert", hidden: true }),
    h("div", { class: "hint", id: hint }, block.hint ? textObject(block.hint, context.world) : []));
}

function image(one, size) {
  if (!/^(https:|data:image\/)/.test(one.image_url ?? "")) return h("span", { class: "faint" }, one.alt_text);
  return h("img", { class: size, src: one.image_url, alt: one.alt_text, loading: "lazy", referrerpolicy: "no-referrer" });
}

const MAKERS = {
  section, actions, input,
  context: small,
  divider: () => h("hr"),
  header: (block) => h("h3", { class: "block header" }, emojis(block.text.text)),
  image: (block) => h("figure", { class: "block" },
    block.title && h("figcaption", { class: "faint" }, emojis(block.title.text)), image(block, "wide")),
  rich_text: (block, context) => h("div", { class: "block text" }, richText(block, context.world)),
  markdown: (block) => h("div", { class: "block text prewrap" }, block.text),
  file: (block) => h("p", { class: "block faint" }, block.external_id),
  video: (block, context) => h("p", { class: "block" }, mrkdwn(`<${block.title_url ?? block.video_url}|${block.title.text}>`, context.world)),
};
