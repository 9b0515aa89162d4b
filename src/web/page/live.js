/** In the browser: times in the reader's zone, and charts. The page can be read without. */
(() => {
  const root = document.documentElement;
  root.classList.add('scripts');
  // The reader's own way to write times, as far as it is in the page's language.
  const locale = navigator.languages.find((one) => one.slice(0, 2) === root.lang.slice(0, 2)) ?? root.lang;
  const today = new Intl.DateTimeFormat(locale, { timeStyle: 'medium' });
  const otherDay = new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeStyle: 'medium' });
  const hour = new Intl.DateTimeFormat(locale, { hour: '2-digit', minute: '2-digit', hour12: false });
  const drawn = new Map();

  function localise(within) {
    for (const time of within.querySelectorAll('time[datetime]')) {
      const at = new Date(time.dateTime);
      time.title = time.dateTime;
      const isToday = at.toDateString() === new Date().toDateString();
      time.textContent = (isToday ? today : otherDay).format(at);
    }
  }

  function draw() {
    if (typeof uPlot === 'undefined') return;
    const style = getComputedStyle(root);
    const ink = style.getPropertyValue('--pico-color').trim() || '#888';
    // Told apart by those who see no red or green, and by the dashes.
    const strokes = ['#0072b2', '#d55e00'];
    for (const element of document.querySelectorAll('[data-chart]')) {
      drawn.get(element)?.destroy();
      const names = JSON.parse(element.dataset.names);
      const axis = {
        stroke: ink,
        grid: { stroke: 'rgba(128,128,128,0.25)' },
        ticks: { stroke: 'rgba(128,128,128,0.25)' },
      };
      const options = {
        width: element.clientWidth,
        height: 150,
        legend: { show: false },
        cursor: { show: false },
        scales: {
          // A young daemon has little to show: then ten minutes fill the picture.
          x: { range: (_chart, first, last) => [Math.max(last - 6 * 3600, Math.min(first, last - 600)), last] },
          y: { range: (_chart, _least, most) => [0, Math.max(1, most * 1.1)] },
        },
        axes: [
          { ...axis, size: 32, values: (_chart, ticks) => ticks.map((tick) => hour.format(tick * 1000)) },
          { ...axis, size: 44 },
        ],
        series: [
          {},
          ...names.map((label, n) => ({
            label,
            stroke: strokes[n],
            width: 2,
            fill: n === 0 ? 'rgba(0,114,178,0.15)' : undefined,
            dash: n === 1 ? [6, 4] : undefined,
          })),
        ],
      };
      drawn.set(element, new uPlot(options, JSON.parse(element.dataset.chart), element));
    }
  }

  localise(document);
  draw();
  addEventListener('resize', draw);
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', draw);
  // What is shown gets old when nothing comes: that must be seen.
  const stale = document.getElementById('stale');
  let renewedAt = new Date();
  function showStale(isStale) {
    if (!stale) return;
    stale.querySelector('time').dateTime = renewedAt.toISOString();
    localise(stale);
    stale.hidden = !isStale;
  }
  for (const failure of ['htmx:sendError', 'htmx:responseError', 'htmx:timeout'])
    document.body.addEventListener(failure, () => showStale(true));

  // Who goes through the page by keyboard stays where he is.
  const nameOf = (element) =>
    element.id ||
    ['href', 'aria-label'].map((name) => element.getAttribute(name)).find(Boolean) ||
    element.form?.getAttribute('action');
  let focused;
  document.body.addEventListener('htmx:beforeSwap', ({ detail }) => {
    const { target, serverResponse } = detail;
    // Another page came in its place: the sign-in, say.
    if (!serverResponse.includes('id="live"')) {
      detail.shouldSwap = false;
      showStale(true);
      return;
    }
    focused = target.contains(document.activeElement) ? nameOf(document.activeElement) : undefined;
  });
  function focusAgain() {
    if (!focused || document.activeElement !== document.body) return;
    const all = document.querySelectorAll('#live :is(a, button, input, summary, [tabindex])');
    const same = [...all].find((element) => nameOf(element) === focused);
    same?.focus({ preventScroll: true });
  }

  // What somebody has opened or ticked stays so when a part of the page is renewed.
  const on = new Set();
  function keep({ target }) {
    if (!target.id) return;
    if (target.open || target.checked) on.add(target.id);
    else on.delete(target.id);
  }
  document.addEventListener('toggle', keep, true);
  document.addEventListener('change', keep);
  document.body.addEventListener('htmx:afterSwap', () => {
    renewedAt = new Date();
    showStale(false);
    localise(document);
    focusAgain();
    for (const id of on) {
      const element = document.getElementById(id);
      if (element) element[element.localName === 'details' ? 'open' : 'checked'] = true;
    }
  });
})();
