// The page's own words, in the person's language; and what Slack itself says under a field.

let catalogue = {};

export const setWords = (words) => {
  catalogue = words;
};

/** The sentence in the person's language, its {blanks} filled. */
export function _(message, data = {}) {
  return fill(catalogue[message]?.[0] ?? message, data);
}

/** A sentence about n things: in English as it stands here, else in the form that goes with the number. */
export function _n(one, many, n, data = {}) {
  const forms = catalogue[one] ?? [one, many];
  const rule = new Intl.PluralRules(document.documentElement.lang || "en");
  const form = rule.resolvedOptions().pluralCategories.length > 1 && rule.select(n) !== "one" ? forms.at(-1) : forms[0];
  return fill(form, { n, ...data });
}

export const N_ = (message) => message;

function fill(text, data) {
  return text.replace(/{(\w+)}/g, (blank, name) => (name in data ? String(data[name]) : blank));
}

const REFUSALS = [
  [/^Please complete this required field\.$/, N_("Please complete this required field.")],
  [/^Must be a number\.$/, N_("Must be a number.")],
  [/^Must be a whole number\.$/, N_("Must be a whole number.")],
  [/^Must be between (?<low>\S+) and (?<high>\S+)\.$/, N_("Must be between {low} and {high}.")],
  [/^Must be (?<least>\d+) to (?<most>\d+) characters\.$/, N_("Must be {least} to {most} characters.")],
];

/** What stands under a field: Slack's own sentences are translated, the bot's are left alone. */
export function refusal(text) {
  for (const [pattern, message] of REFUSALS) {
    const found = pattern.exec(text);
    if (found) return _(message, found.groups ?? {});
  }
  return text;
}
