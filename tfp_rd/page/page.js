// SPDX-License-Identifier: Apache-2.0
// Filters, choice, pictures and table of the page; the charts are Vega-Lite's.
const page = JSON.parse(document.getElementById('content').textContent);
const $ = (id) => document.getElementById(id), state = new URLSearchParams(location.hash.slice(1)), views = {};
const NAMES = {r: 'R', d: 'D', e: '−ELBO'}, CHARTS = {plane: 'Distortion', totals: '−ELBO'};
const KEYS = {r: 'rate', d: 'distortion', e: 'negative_elbo'}, bound = (k) => k === 'e' ? 'lower_bound' : 'upper_bound';
let sorted = {name: 'family', up: true}, shown = [], chosen = null, onPaper = false;
function make(tag, parent, text, attributes) {
  const node = document.createElement(tag);
  node.textContent = text ?? '';
  Object.entries(attributes || {}).forEach(([name, value]) => node.setAttribute(name, value));
  if (parent) parent.append(node);
  return node;
}
const keep = (name, value) => { state[value ? 'set' : 'delete'](name, value); history.replaceState(null, '', '#' + state); };
const PAPER = {'--text': '#1b1b1b', '--soft': '#595959', '--grid': '#e4e4e4', '--back': '#ffffff'};
const colour = (name) => onPaper ? PAPER[name] : getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const data = () => page.sets.find((each) => each.title === state.get('set')) || page.sets[0];
const split = () => ['validation', 'train'].find((each) => each === state.get('split')) || 'test';
const inBits = () => state.get('unit') === 'bits' && data().num_pixels;
const scale = () => inBits() ? 1 / Math.LN2 / data().num_pixels : 1, unit = () => inBits() ? 'bits a pixel' : 'nats';
const off = (name) => new Set((state.get('no_' + name) || '').split(' ').filter(Boolean));
const nats = (p, k) => p.nats[split()][k] || [null, null];
const scaled = (p, k) => nats(p, k).slice(0, 2).map((x) => x === null ? null : x * scale());
function number(p, k) {
  const status = nats(p, k)[2], text = scaled(p, k).filter((x) => x !== null).map((x) => x.toFixed(inBits() ? 4 : 2));
  return (text.join(' ± ') || '–') + ([bound(k), 'exact', undefined].includes(status) ? '' : ` (${status})`);
}
const named = (p) => `${p.family} at ${p.beta === null ? '' : 'beta '}${p.label}, ${p.how}`;
const numbers = (p) => Object.keys(NAMES).map((k) => `${NAMES[k]} ${number(p, k)}`).join(', ');
const sentence = (p) => `${named(p)}: ${numbers(p)} ${unit()} on ${split()}`;
function menu(form, title, name, options, redraw) {
  const select = make('select', make('label', form, title + ' '), undefined, {id: 'choose-' + name});
  options.forEach(([value, text]) => make('option', select, text, {value}));
  select.value = (options.find(([value]) => value === state.get(name)) || options[0])[0];
  select.onchange = () => { keep(name, select.value === options[0][0] ? '' : select.value); redraw(); };
}
function boxes(form, name) {
  const group = make('fieldset', form), out = off(name);
  make('legend', group, name);
  data().filters[name].forEach(([value, text, line]) => {
    const label = make('label', group), code = encodeURIComponent(value);
    const box = make('input', label, undefined, {type: 'checkbox', 'data-filter': name, value});
    label.append(' ' + text);
    if (line) label.style.borderBottom = '3px solid ' + line;
    box.checked = !out.has(code);
    box.onchange = () => { out[box.checked ? 'delete' : 'add'](code); keep('no_' + name, [...out].join(' ')); update(); };
  });
}
function mark(p) {
  const places = Object.keys(NAMES).flatMap((k) => [[k, scaled(p, k)[0]], [k + '_error', scaled(p, k)[1] || 0]]);
  return {...p.mark, fill: p.mark.fill || colour('--back'), title: sentence(p), ...Object.fromEntries(places)};
}
function rows() {
  const points = shown.filter((p) => p.nats[split()].r).map(mark), soft = colour('--soft');
  const guides = data().guides[split()].map((g) => ({...g, r: g.r * scale(), y: g.y * scale(), stroke: soft}));
  return {points, guides, lines: points.filter((p) => p.line !== null), chosen: [mark(chosen)]};
}
function fill(name, values) {
  const view = views[name], change = (k) => view.change(k, view.changeset().remove(() => true).insert(values[k])).runAsync();
  Object.keys(view ? values : {}).forEach(change);
}
async function embed(name, values) {
  const text = colour('--text'), grid = colour('--grid');
  const axis = {labelColor: text, titleColor: text, gridColor: grid, domainColor: grid, tickColor: grid};
  const config = {background: onPaper ? 'white' : null, view: {stroke: null}, aria: false, axis, legend: {labelColor: text}};
  const spec = {...JSON.parse(JSON.stringify(page.charts[name]).replaceAll('UNIT', unit())), datasets: values};
  return views[name] = (await vegaEmbed($(name), spec, {ast: true, actions: false, renderer: 'canvas', config})).view;
}
function update() {
  const outs = Object.keys(data().filters).map((name) => [name, off(name)]);
  shown = data().points.filter((p) => outs.every(([name, out]) => !out.has(encodeURIComponent(p[name]))));
  table();
  Object.keys(CHARTS).forEach((name) => fill(name, rows()));
}
async function render() {
  update();
  choose(chosen);
  for (const [name, what] of Object.entries(CHARTS)) {
    $(name).setAttribute('aria-label', `${what} over rate of the points in the table below, ${unit()}, ${split()}`);
    const view = await embed(name, rows());
    const at = (item) => data().points.find((p) => item && item.datum && p.id === item.datum.id);
    view.addEventListener('mouseover', (event, item) => { if (at(item)) detail(at(item)); });
    view.addEventListener('mouseout', () => detail(chosen));
    view.addEventListener('click', (event, item) => { if (at(item)) choose(at(item)); });
  }
  document.body.dataset.drawn = performance.now();
}
function choose(point, focus) {
  chosen = point;
  keep('point', point.id);
  detail(point);
  Object.keys(CHARTS).forEach((name) => fill(name, {chosen: [mark(point)]}));
  markRows();
  if (focus) document.querySelector('#table [aria-selected=true]').focus();
  $('live').textContent = `Chosen: ${sentence(point)}.`;
}
function markRows() {
  document.querySelectorAll('#table tbody tr').forEach((row) => {
    const isIt = row.dataset.id === chosen.id, isFirst = !shown.includes(chosen) && !row.previousSibling;
    [row.ariaSelected, row.tabIndex] = [isIt, isIt || isFirst ? 0 : -1];
  });
}
const along = (p) => p.line === null ? [p] : data().points.filter((q) => q.line === p.line);
function detail(point) {
  const line = along(point), place = line.indexOf(point), run = data().runs[point.run] || {steps: []};
  const far = (p) => Math.abs(line.indexOf(p) - place), [near] = line.filter((p) => p.pictures).sort((a, b) => far(a) - far(b));
  $('along').hidden = line.length < 2;
  [$('slider').max, $('slider').value, $('place').textContent] = [line.length - 1, place, named(point)];
  const at = near && near !== point ? `, at beta ${near.label}, the nearest that has pictures` : '';
  $('pictures').textContent = near ? '' : run.problem || page.no_pictures;
  ['Test images', 'Two reconstructions of each' + at, 'Generations' + at].forEach((caption, n) => {
    const figure = near && make('figure', $('pictures'));
    if (near) figure.append(make('img', null, '', {src: [run.images, ...near.pictures][n], alt: caption}), caption);
  });
  const values = Object.keys(NAMES).map((k) => [`${NAMES[k]} on ${split()}`, `${number(point, k)} ${unit()}`]);
  const pair = ([name, text]) => [make('dt', null, name), make('dd', null, text)];
  $('facts').replaceChildren(...[...values, ...point.facts].flatMap(pair));
  const steps = run.steps.flatMap(([step, r, d]) => [{step, nats: r, what: 'R'}, {step, nats: d, what: 'D'}]);
  $('training').hidden = !steps.length;
  if (views.training) fill('training', {steps}); else if (steps.length) embed('training', {steps});
}
const COLUMNS = [['family', (p) => p.family], ['beta', (p) => p.label, (p) => p.beta === null ? Infinity : p.beta],
  ['objective', (p) => p.objective], ['trained', (p) => p.how],
  ...Object.keys(NAMES).map((k) => [NAMES[k], (p) => number(p, k), (p) => nats(p, k)[0]])];
function table() {
  const [, text, value] = COLUMNS.find(([name]) => name === sorted.name), key = value || text, sign = sorted.up ? 1 : -1;
  shown.sort((a, b) => (key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0) * sign);
  const head = make('tr', make('thead')), body = make('tbody');
  COLUMNS.forEach(([name]) => {
    const order = name !== sorted.name ? 'none' : sorted.up ? 'ascending' : 'descending';
    const cell = make('th', head, undefined, {scope: 'col', 'aria-sort': order});
    const button = make('button', cell, name + {ascending: ' ▲', descending: ' ▼', none: ''}[order], {type: 'button'});
    button.onclick = () => { sorted = {name, up: order !== 'ascending'}; table(); };
  });
  shown.forEach((point) => {
    const row = make('tr', body, undefined, {'data-id': point.id});
    COLUMNS.forEach(([, show]) => make('td', row, show(point)));
    row.onclick = () => choose(point, true);
  });
  const place = [...$('table').querySelectorAll('button')].indexOf(document.activeElement);
  $('table').replaceChildren(head.parentNode, body);
  markRows();
  if (place >= 0) $('table').querySelectorAll('button')[place].focus();
}
$('table').onkeydown = (event) => {
  const row = event.target.closest('tbody tr'), step = {ArrowDown: 1, ArrowUp: -1, Enter: 0}[event.key];
  const point = row && step !== undefined && shown[shown.findIndex((p) => p.id === row.dataset.id) + step];
  if (point) { event.preventDefault(); choose(point, true); }
};
$('slider').oninput = () => choose(along(chosen)[Number($('slider').value)]);
function copied(kind) {
  const whole = shown.map((p) => Object.fromEntries([['family', p.family], ['beta', p.label], ['objective', p.objective],
    ['trained', p.how], ['run', p.run], ['split', split()], ['unit', unit()], ...Object.keys(KEYS).flatMap((k) =>
      [[KEYS[k], scaled(p, k)[0]], [KEYS[k] + '_stderr', scaled(p, k)[1]]])]));
  if (kind === 'json') return JSON.stringify(whole, null, 1);
  const quoted = (row) => row.map((v) => `"${String(v ?? '').replaceAll('"', '""')}"`).join(',') + '\n';
  if (kind === 'csv') return [Object.keys(whole[0] || {}), ...whole.map(Object.values)].map(quoted).join('');
  const plain = (v) => v.replace(/[{}$&#_%]/g, '\\$&').replaceAll('-', '{-}').replace('−', '$-$').replaceAll('±', '$\\pm$');
  const cells = [COLUMNS.map(([name]) => name), ...shown.map((p) => COLUMNS.map(([, show]) => show(p)))];
  return `\\begin{tabular}{llllrrr}\n${cells.map((row) => row.map(plain).join(' & ') + ' \\\\\n').join('')}\\end{tabular}\n`;
}
const each = (name, act) => document.querySelectorAll(`[data-${name}]`).forEach((b) => b.onclick = () => act(b.dataset[name], b));
each('copy', (kind, button) => {
  const area = make('textarea', document.body, copied(kind));
  area.select();
  document.execCommand('copy');
  area.remove();
  button.focus();
  $('copied').textContent = `${shown.length} points are copied as ${button.textContent}.`;
});
each('save', async (what) => {
  onPaper = true;
  const [name, kind] = what.split(' '), href = await (await embed(name, rows())).toImageURL(kind, 2);
  onPaper = false;
  await render();
  make('a', null, '', {href, download: `${name}.${kind}`}).click();
});
function start() {
  const form = $('filters'), sets = page.sets.map((each) => [each.title, each.title]);
  const other = () => { Object.keys(data().filters).forEach((name) => keep('no_' + name, '')); start(); };
  form.replaceChildren();
  if (sets.length > 1) menu(form, 'Data', 'set', sets, other);
  menu(form, 'Split', 'split', ['test', 'validation', 'train'].map((s) => [s, s]), render);
  if (data().num_pixels) menu(form, 'Unit', 'unit', [['nats', 'nats'], ['bits', 'bits a pixel']], render);
  Object.keys(data().filters).forEach((name) => boxes(form, name));
  [$('headline').textContent, $('answer').hidden] = [data().headline, !data().answers.length];
  $('answers').replaceChildren(...data().answers.map(() => make('tr')));
  data().answers.forEach((line, n) => line.forEach((text) =>
    make(n ? 'td' : 'th', $('answers').children[n], text.replaceAll('`', ''), n ? {} : {scope: 'col'})));
  chosen = data().points.find((p) => p.id === state.get('point')) || data().points.find((p) => p.pictures) || data().points[0];
  render();
}
const isLive = Date.now() / 1000 < page.at_work_until_s;
[$('work').hidden, $('still').disabled] = [!isLive, state.has('still')];
$('at-work').append(page.at_work);
$('still').onclick = () => { keep('still', '1'); $('still').disabled = true; };
if (isLive) setTimeout(() => { if (!state.has('still')) location.reload(); }, 30000);
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => { delete views.training; render(); });
if (page.sets.length) start();
