# SPDX-License-Identifier: Apache-2.0
"""The page in Chromium: what a reader touches, and what the page may ask for.

Skipped without Debian's Chromium, unless TFP_RD_BROWSER is `required`, as in
`.ci/run`; `make browser` installs it.
"""

import csv
import io
import json
import os
import re
import shutil
import time

import claims_world as world
import pytest

from tfp_rd.curve import collection
from tfp_rd.page import content as content_lib
from tfp_rd.page import page as page_lib

CHROMIUM = shutil.which('chromium')
pytestmark = pytest.mark.skipif(
  CHROMIUM is None and os.environ.get('TFP_RD_BROWSER') != 'required',
  reason='there is no Chromium; `make browser` installs it',
)
ARGUMENTS = (
  *('--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run'),
  *('--disable-background-networking', '--disable-component-update'),
  '--disable-sync',
)
EVIL = '</script><img src=x onerror="window.hit = 1">'


@pytest.fixture(scope='module')
def content(tmp_path_factory):
  root = world.write(tmp_path_factory.mktemp('runs'), world.everything())
  whole, _ = content_lib.content(collection.collect(root))
  whole['sets'].sort(key=lambda each: each['title'])  # MNIST first.
  return whole


@pytest.fixture(scope='module')
def chromium():
  from playwright import sync_api

  with sync_api.sync_playwright() as playwright:
    browser = playwright.chromium.launch(
      executable_path=CHROMIUM or '/usr/bin/chromium', args=ARGUMENTS
    )
    yield browser
    browser.close()


class Tab:
  """A page that is open; `asked` is what it asked the network for."""

  def __init__(self, chromium, path, **options):
    self.context = chromium.new_context(**options)
    self.page = self.context.new_page()
    self.asked, self.errors = [], []
    self.page.on('request', lambda r: self.asked.append(r.url))
    self.page.on('pageerror', lambda e: self.errors.append(str(e)))
    self.page.on('console', self._note)
    self.page.goto(path)
    self.page.wait_for_selector('body[data-drawn]', timeout=60_000)

  def _note(self, message):
    if 'Content Security Policy' in message.text:
      self.asked.append(message.text)

  @property
  def foreign(self):
    kept = ('file:', 'data:')
    return [url for url in self.asked if not url.startswith(kept)]

  def __getattr__(self, name):
    return getattr(self.page, name)

  def text(self, selector):
    return self.page.text_content(selector)

  def rows(self):
    """Returns the cells of the table."""
    return self.page.evaluate(
      "[...document.querySelectorAll('#table tbody tr')].map((row) => "
      '[...row.children].map((cell) => cell.textContent))'
    )

  def chosen(self):
    return self.page.evaluate('chosen.id')

  def place(self, point):
    """Returns where a point is on the screen."""
    self.page.locator('#plane').scroll_into_view_if_needed()
    return self.page.evaluate(
      """([r, d]) => {
        const view = views.plane, [left, top] = view.origin();
        const box = document.querySelector('#plane canvas');
        const at = box.getBoundingClientRect();
        return [at.left + left + view.scale('x')(r),
                at.top + top + view.scale('y')(d)];
      }""",
      [point['nats']['test']['r'][0], point['nats']['test']['d'][0]],
    )


@pytest.fixture(scope='module')
def file(content, tmp_path_factory):
  path = tmp_path_factory.mktemp('html') / 'index.html'
  path.write_text(page_lib.page_html(content), encoding='utf-8')
  return path


@pytest.fixture
def tab(chromium, file):
  opened = Tab(chromium, file.as_uri())
  yield opened
  assert not opened.errors
  opened.context.close()


@pytest.fixture
def points(content):
  return content['sets'][0]['points']


def with_pictures(points):
  return [p for p in points if p['pictures']]


def test_every_point_is_in_the_table(tab, points):
  rows = tab.rows()
  expected = sorted(
    (p['family'], p['label'], *(shown(p, k) for k in 'rde')) for p in points
  )
  assert sorted((r[0], r[1], *r[4:]) for r in rows) == expected


def shown(point, letter, split='test', factor=1.0, digits=2):
  nats, error, _ = point['nats'][split][letter]
  return f'{nats * factor:.{digits}f} ± {error * factor:.{digits}f}'


def test_every_point_is_in_both_charts(tab, points):
  for name in ('plane', 'totals'):
    drawn = tab.evaluate(f"views.{name}.data('points').map((p) => p.id)")
    assert sorted(drawn) == sorted(p['id'] for p in points)
  drawn = tab.evaluate("views.plane.data('points')")
  by_id = {p['id']: p['nats']['test'] for p in points}
  for row in drawn:
    nats = by_id[row['id']]
    assert [row[k] for k in 'rde'] == pytest.approx([nats[k][0] for k in 'rde'])


def test_hovering_shows_a_point_and_leaving_shows_the_chosen_one(tab, points):
  far = max(with_pictures(points), key=lambda p: p['nats']['test']['r'][0])
  before = tab.text('#facts')
  tab.mouse.move(*tab.place(far))
  tab.wait_for_selector(f'img[src="{far["pictures"][0]}"]')
  assert shown(far, 'r') in tab.text('#facts')
  tab.mouse.move(5, 5)
  tab.wait_for_timeout(100)
  assert tab.text('#facts') == before


def test_clicking_chooses_a_point_in_the_address_and_the_table(tab, points):
  far = max(with_pictures(points), key=lambda p: p['nats']['test']['r'][0])
  tab.mouse.click(*tab.place(far))
  assert tab.chosen() == far['id']
  row = tab.locator('#table tr[aria-selected="true"]')
  assert row.get_attribute('data-id') == far['id']
  assert shown(far, 'd') in tab.text('#live')
  tab.page.reload()
  tab.wait_for_selector('body[data-drawn]')
  assert tab.chosen() == far['id']


def test_arrow_keys_move_the_choice(tab):
  tab.locator('#table tbody tr').nth(3).click()
  order = tab.evaluate('shown.map((p) => p.id)')
  for key, place in (('ArrowDown', 4), ('ArrowDown', 5), ('ArrowUp', 4)):
    tab.keyboard.press(key)
    assert tab.chosen() == order[place]
    focused = tab.evaluate('document.activeElement.dataset.id')
    assert focused == order[place]
    drawn = tab.evaluate("views.plane.data('chosen').map((p) => p.id)")
    assert drawn == [order[place]]


def test_the_table_is_reached_by_the_keyboard_alone(tab):
  for _ in range(60):
    tab.keyboard.press('Tab')
    if tab.evaluate("document.activeElement.matches('#table tbody tr')"):
      break
  before = tab.chosen()
  tab.keyboard.press('ArrowDown')
  assert tab.chosen() != before


def test_after_a_filter_the_keyboard_still_has_the_table(tab):
  tab.locator('input[data-filter=encoder][value="+"]').uncheck()
  assert tab.locator('#table tbody tr[tabindex="0"]').count() == 1
  tab.locator('#table tbody tr').nth(1).click()
  tab.locator('input[data-filter=decoder][value="-"]').uncheck()
  tab.locator('#table th button').nth(4).click()
  assert tab.locator('#table tbody tr[tabindex="0"]').count() == 1
  assert violations(tab) == {}


def test_an_address_of_nothing_shows_the_whole(chromium, file, points):
  for state in ('split=foo', 'set=7', 'unit=x&point=nothing'):
    tab = Tab(chromium, f'{file.as_uri()}#{state}')
    assert len(tab.rows()) == len(points)
    tab.context.close()


@pytest.mark.parametrize(
  ('name', 'value'),
  [('encoder', '+'), ('decoder', '-'), ('marginal', 'v')],
)
def test_a_filter_leaves_out_its_points(tab, points, name, value):
  tab.locator(f'input[data-filter={name}][value="{value}"]').uncheck()
  left = {p['id'] for p in points if p[name] != value}
  assert {*tab.evaluate('shown.map((p) => p.id)')} == left
  drawn = tab.evaluate("views.totals.data('points').map((p) => p.id)")
  assert {*drawn} == left
  assert len(tab.rows()) == len(left) < len(points)


def test_objectives_are_a_filter_too(tab, points):
  names = {p['objective'] for p in points}
  assert len(names) > 1
  for name in names - {'multi_rate'}:
    tab.locator(f'input[data-filter=objective][value="{name}"]').uncheck()
  assert len(tab.rows()) == sum(p['objective'] == 'multi_rate' for p in points)


@pytest.mark.parametrize('column', ['R', '−ELBO', 'beta'])
def test_columns_are_sorted_as_numbers(tab, column):
  place = ['family', 'beta', '', '', 'R', 'D', '−ELBO'].index(column)
  header = tab.locator('#table th button').nth(place)
  for descends in (False, True):
    header.click()
    cells = [row[place].split(' ')[0] for row in tab.rows()]
    numbers = [float(cell) for cell in cells]
    assert numbers == sorted(numbers, reverse=descends)


def test_the_slider_goes_along_a_curve(tab, points):
  line = [p for p in points if p['line'] == with_pictures(points)[0]['line']]
  tab.locator(f'#table tr[data-id="{line[0]["id"]}"]').click()
  for place in (len(line) - 1, 4, 0):
    tab.locator('#slider').fill(str(place))
    assert tab.chosen() == line[place]['id']
    for url in line[place]['pictures'] or ():
      assert tab.locator(f'img[src="{url}"]').count() == 1


def test_other_splits_units_and_sets_show_their_numbers(tab, content, points):
  tab.select_option('#choose-unit', 'bits')
  factor = 1 / 0.6931471805599453 / 784
  cells = {(r[0], r[1], r[4]) for r in tab.rows()}
  for p in points:
    assert (
      p['family'],
      p['label'],
      shown(p, 'r', factor=factor, digits=4),
    ) in cells
  tab.select_option('#choose-unit', 'nats')
  tab.select_option('#choose-split', 'train')
  assert 'on train' in tab.text('#live')
  digits = content['sets'][1]
  tab.locator('input[data-filter=decoder][value="-"]').uncheck()
  tab.select_option('#choose-set', digits['title'])
  assert digits['headline'] in tab.text('#headline')
  assert len(tab.rows()) == len(digits['points'])


def test_copies_hold_what_is_shown(tab, points):
  tab.locator('input[data-filter=decoder][value="-"]').uncheck()
  left = [p for p in points if p['decoder'] == '+']
  rows = list(csv.DictReader(io.StringIO(tab.evaluate("copied('csv')"))))
  assert len(rows) == len(left)
  by_key = {(p['family'], p['label'], p['objective']): p for p in left}
  for row in rows:
    point = by_key[row['family'], row['beta'], row['objective']]
    assert float(row['rate']) == point['nats']['test']['r'][0]
    assert float(row['distortion_stderr']) == point['nats']['test']['d'][1]
    assert row['run'] == point['run']
  assert len(json.loads(tab.evaluate("copied('json')"))) == len(left)
  latex = tab.evaluate("copied('latex')").splitlines()
  assert len(latex) == len(left) + 3
  assert all(line.count('&') == 6 for line in latex[1:-1])
  assert not any('--' in line for line in latex)  # TeX would draw one dash.
  tab.locator('[data-copy=csv]').click()
  assert f'{len(left)} points are copied as CSV' in tab.text('#copied')


def test_figures_are_saved(tab):
  for what, start in (('plane svg', '<svg'), ('totals png', '\x89PNG')):
    with tab.expect_download() as download:
      tab.locator(f'[data-save="{what}"]').click()
    with open(download.value.path(), 'rb') as f:
      assert f.read(4).decode('latin-1') == start


def test_figures_of_a_dark_page_are_for_paper(chromium, file):
  tab = Tab(chromium, file.as_uri(), color_scheme='dark')
  with tab.expect_download() as download:
    tab.locator('[data-save="plane svg"]').click()
  with open(download.value.path(), encoding='utf-8') as f:
    text = f.read()
  assert 'fill="white"' in text
  assert '#ececec' not in text
  tab.wait_for_timeout(300)
  shown = tab.evaluate('views.plane.toSVG()')
  assert '#ececec' in shown
  tab.context.close()


def test_the_page_asks_for_nothing(tab):
  tab.locator('#table tbody tr').nth(1).click()
  tab.wait_for_timeout(200)
  assert tab.foreign == []


def test_a_foreign_image_is_caught_by_that_check(chromium, file, tmp_path):
  path = tmp_path / 'foreign.html'
  text = file.read_text(encoding='utf-8')
  image = '<img alt="" src="https://example.org/x.png"></main>'
  path.write_text(text.replace('</main>', image), encoding='utf-8')
  tab = Tab(chromium, path.as_uri())
  tab.wait_for_timeout(200)
  assert tab.foreign
  tab.context.close()


def violations(tab):
  """Returns what axe-core finds against WCAG 2.2, levels A and AA."""
  from axe_playwright_python import sync_playwright

  tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22a', 'wcag22aa']
  options = {'runOnly': {'type': 'tag', 'values': tags}}
  found = sync_playwright.Axe().run(tab.page, options=options)
  return {
    each['id']: [node['html'][:120] for node in each['nodes']]
    for each in found.response['violations']
  }


LOOKS = {
  'light': {'color_scheme': 'light'},
  'dark': {'color_scheme': 'dark'},
  'phone': {'viewport': {'width': 360, 'height': 700}},
}


@pytest.mark.parametrize('look', LOOKS)
def test_axe_finds_no_barrier(chromium, file, look):
  tab = Tab(chromium, file.as_uri(), **LOOKS[look])
  assert violations(tab) == {}
  assert tab.evaluate('document.documentElement.scrollWidth <= innerWidth')
  tab.context.close()


def test_axe_finds_a_label_that_is_removed(tab):
  tab.evaluate(
    "document.querySelector('#slider').closest('label').replaceWith("
    "document.querySelector('#slider'))"
  )
  assert 'label' in violations(tab)


def test_names_are_shown_as_text(chromium, content, tmp_path):
  text = json.dumps(content).replace('"++v"', json.dumps(EVIL))
  text = text.replace('binarized_mnist', EVIL.replace('"', '\\"'))
  path = tmp_path / 'evil.html'
  path.write_text(page_lib.page_html(json.loads(text)), encoding='utf-8')
  tab = Tab(chromium, path.as_uri())
  assert EVIL in tab.text('#headline')
  assert any(row[0] == EVIL for row in tab.rows())
  assert tab.evaluate('window.hit') is None
  assert tab.evaluate("document.querySelectorAll('img[onerror]').length") == 0
  tab.context.close()


def test_what_is_at_work_is_said_and_reloading_can_be_stopped(
  chromium, content, tmp_path
):
  path = tmp_path / 'live.html'
  for until, is_hidden in ((time.time() + 300, False), (1.0, True)):
    whole = {
      **content,
      'at_work': 'run_x since 10:00, step 5 of 9 at 10:05',
      'at_work_until_s': until,
    }
    path.write_text(page_lib.page_html(whole), encoding='utf-8')
    tab = Tab(chromium, path.as_uri())
    assert tab.locator('#work').is_hidden() == is_hidden
    if not is_hidden:
      assert 'step 5 of 9' in tab.text('#at-work')
      tab.locator('#still').click()
      assert re.search('still=1', tab.evaluate('location.hash'))
      tab.page.reload()
      tab.wait_for_selector('body[data-drawn]')
      assert tab.locator('#still').is_disabled()
    tab.context.close()
