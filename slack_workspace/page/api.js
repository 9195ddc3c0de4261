// Everything the page sends to the workspace.

async function post(path, body) {
  const response = await fetch(path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  const text = await response.text();
  let answer = {};
  try {
    answer = JSON.parse(text);
  } catch {
    answer = { error: text };
  }
  if (!response.ok) throw Object.assign(new Error(answer.error || `HTTP ${response.status}`), { status: response.status });
  return answer;
}

let last = Promise.resolve();

/** Something the person does in Slack. One thing after the other, as hands do it. */
export function act(user, verb, body = {}) {
  const doing = last.then(async () => (await post(`/_control/${verb}`, { user, ...body })).outcome);
  last = doing.catch(() => {});
  return doing;
}

/** Tells the bot what is looked at; nobody waits for that. */
export const look = (user, tab) => post("/_control/open_home", { user, tab });

/** Suggestions are asked for beside everything else. */
export const suggestions = async (user, body) =>
  (await post("/_control/suggestions", { user, ...body })).outcome;

/** Something done beside Slack: the clock, a node, a language. */
export const stage = (verb, body) => post(`/_page/stage/${verb}`, body);

export const fileUrl = (user, file) =>
  `/_page/file/${encodeURIComponent(file.id)}/${encodeURIComponent(file.name)}?user=${encodeURIComponent(user)}`;

/** Follows what the person sees; `on` has hello, screen, panel, lost. Returns how to stop. */
export function follow(user, on) {
  const source = new EventSource(`/_page/stream?user=${encodeURIComponent(user)}`);
  for (const name of ["hello", "screen", "panel"])
    source.addEventListener(name, (event) => on[name](JSON.parse(event.data)));
  source.onerror = () => {
    on.lost();
    if (source.readyState === EventSource.CLOSED) on.refused();
  };
  return () => source.close();
}
