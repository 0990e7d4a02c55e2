#include <troupe/runtime/http/page.hpp>

#include <troupe/runtime/http/api.hpp>

namespace troupe::http {

namespace {

constexpr const char* head = R"html(<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>troupe</title>
<style>
:root { color-scheme: light dark; --line: #8884; --dim: #888; }
body { font: 14px/1.5 system-ui, sans-serif; margin: 1.5em auto;
       max-width: 75em; padding: 0 1em; }
h1 { font-size: 1.3em; margin: 0; }
h2 { font-size: 1.05em; margin: 1.6em 0 .4em; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .2em .8em .2em 0;
         border-bottom: 1px solid var(--line); }
th, .dim { color: var(--dim); font-weight: normal; }
.map { display: flex; flex-wrap: wrap; gap: 3px; }
.map span { min-width: 2.6em; padding: .1em .3em; text-align: center;
            border-radius: 3px; color: #000; font-size: 12px; }
.map .pausing, .map .starting { outline: 2px dashed currentColor; }
.map .unassigned { background: none !important; color: inherit;
                   outline: 1px solid #d33; }
#events { font: 12px/1.5 ui-monospace, monospace; height: 18em; overflow: auto;
          border: 1px solid var(--line); padding: .4em; white-space: pre; }
code { font-size: 12px; }
</style>
<h1>troupe <span id="cluster" class="dim"></span></h1>
<div id="status" class="dim">connecting</div>
<h2>Nodes</h2>
<table><thead><tr><th>id<th>name<th>status<th>member<th>address<th>roles
<th>weight<th>partitions</tr></thead><tbody id="nodes"></tbody></table>
<div id="regions"></div>
<h2>Events</h2>
<div id="events"></div>
<script>
'use strict';
const $ = id => document.getElementById(id);
const make = (tag, text, cls) => {
  const x = document.createElement(tag);
  if (text !== undefined) x.textContent = text;
  if (cls) x.className = cls;
  return x;
};
const get = async path => {
  const r = await fetch(path);
  if (!r.ok) throw new Error((await r.json()).detail);
  return r.json();
};
const hue = name => {
  let h = 0;
  for (const c of name) h = (h * 31 + c.codePointAt(0)) % 360;
  return 'hsl(' + (h * 47) % 360 + ' 60% 70%)';
};
async function draw() {
  const [status, nodes, regions] = await Promise.all(
    [get('/v1/status'), get('/v1/nodes'), get('/v1/regions')]);
  $('cluster').textContent = status.cluster_id;
  $('status').textContent = 'seen by ' + status.node.name + ' (' +
    status.node.role + '), leader ' + (status.leader || 'unknown') +
    ', term ' + status.term + ', map ' + status.map_version +
    (status.quorum ? '' : ', NO QUORUM');
  $('nodes').replaceChildren(...nodes.nodes.map(n => {
    const tr = make('tr');
    const owned = Object.entries(n.partitions)
      .map(([r, c]) => r + ' ' + c).join(', ');
    for (const t of [n.id, n.name, n.status, n.member, n.address,
                     n.roles.join(', '), n.weight, owned])
      tr.append(make('td', t));
    tr.children[1].style.background = hue(n.name);
    tr.children[1].style.color = '#000';
    return tr;
  }));
  const views = await Promise.all(regions.regions.map(
    r => get('/v1/regions/' + encodeURIComponent(r.region))));
  $('regions').replaceChildren(...views.flatMap(v => {
    const map = make('div', undefined, 'map');
    for (const p of v.partitions) {
      const x = make('span', p.partition, p.stage);
      x.style.background = hue(p.owner || '');
      x.title = p.stage + ', owner ' + (p.owner || 'none') + ', epoch ' +
        (p.epoch || 'none') + (p.next ? ', moves to ' + p.next : '');
      map.append(x);
    }
    return [make('h2', v.region + ' (' + v.partitions.length +
                 ' partitions, ' + v.settings.strategy + ')'), map];
  }));
}
let pending = false;
function redraw() {
  if (pending) return;
  pending = true;
  setTimeout(() => {
    pending = false;
    draw().catch(e => { $('status').textContent = e.message; });
  }, 150);
}
function show(line) {
  const e = JSON.parse(line), box = $('events');
  const end = box.scrollTop + box.clientHeight >= box.scrollHeight - 20;
  const rest = Object.entries(e)
    .filter(([k]) => !['seq', 'event', 'time_ms'].includes(k))
    .map(([k, v]) => k + '=' + v).join(' ');
  const when = e.time_ms ? new Date(e.time_ms).toISOString().slice(11, 23) : '';
  box.append(make('div', [e.seq, when, e.event, rest].join('  ')));
  while (box.children.length > 1000) box.firstChild.remove();
  if (end) box.scrollTop = box.scrollHeight;
  return e.seq;
}
async function follow(since) {
  for (;;) {
    try {
      const r = await fetch('/v1/events?since=' + since);
      const from = r.body.pipeThrough(new TextDecoderStream()).getReader();
      redraw();
      for (let text = '';;) {
        const {value, done} = await from.read();
        if (done) break;
        const lines = (text + value).split('\n');
        text = lines.pop();
        for (const line of lines) if (line) since = show(line);
        redraw();
      }
    } catch (e) { $('status').textContent = 'lost the node: ' + e.message; }
    await new Promise(r => setTimeout(r, 1000));
  }
}
redraw();
follow(0);
setInterval(redraw, 5000);
</script>
<h2>Routes</h2>
<p>)html";

} // namespace

api_answer page() {
  static const std::string text = [] {
    std::string out = head;
    for (auto& x : all_routes()) {
      out += "<code>" + std::string(x.method) + ' ' + std::string(x.pattern);
      for (std::size_t i = 0; i < x.params.size(); ++i)
        out += (i ? "&amp;" : "?") + std::string(x.params[i]) + '=';
      out += "</code><br>\n";
    }
    return out;
  }();
  return {200,
          text,
          "text/html; charset=utf-8",
          {{"Content-Security-Policy",
            "default-src 'none'; style-src 'unsafe-inline'; "
            "script-src 'unsafe-inline'; connect-src 'self'; "
            "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"}}};
}

} // namespace troupe::http
