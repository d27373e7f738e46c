// Held-out rows and, for the one chosen, three columns: expected, baseline, candidate.
// Every answer is coloured against the expected one; text goes through textContent alone.
const el = (tag, cls, text) => {
  const node = document.createElement(tag)
  if (cls) node.className = cls
  if (text !== undefined) node.textContent = text
  return node
}

export default function (component) {
  const root = component.parentElement, host = root.host ?? root, d = component.data
  const s = host.__diff ??= { pos: 0, view: null, seen: new Map() }
  const $ = query => root.querySelector(query)
  s.component = component; s.d = d
  if (s.view !== d.view) { s.view = d.view; s.pos = d.pos ?? 0; s.seen.clear() }
  s.asked = null
  for (const r of d.rows) if (r.sides) s.seen.set(r.id, r.sides)

  const tell = () => component.setStateValue('at', { view: s.view, pos: s.pos })
  function list() {
    $('.rows').replaceChildren(...d.rows.map((r, i) => {
      const li = el('li', 'row' + (i === s.pos ? ' on' : ''))
      li.setAttribute('role', 'option')
      const middle = el('div')
      middle.style.minWidth = 0
      middle.append(el('div', 'p', r.prompt || '(no text)'), el('div', 'm', r.aside))
      li.append(el('span', 'bar'), middle, el('span', 's ' + r.quadrant, r.word))
      li.onclick = () => go(i)
      return li
    }))
    $('.where').textContent = d.rows.length ? `${s.pos + 1} of ${d.total.toLocaleString('en')}` : 'No rows'
  }
  function column(title, side) {
    const node = el('section', 'col'), head = el('h4', '', title)
    if (side.score) head.append(el('span', side.tone, side.score))
    const text = el('div', 'text' + (side.json ? ' json' : ''))
    const kinds = { equal: 'span', extra: 'ins', missing: 'del' }
    for (const [piece, kind] of side.pieces) text.append(el(kinds[kind], '', piece))
    if (!side.pieces.length) text.append(el('span', 'void', '(empty)'))
    const foot = el('footer')
    for (const [words, tone] of side.reasons) foot.append(el('div', tone, words))
    node.append(head, text, foot)
    return node
  }
  function chat() {
    const r = d.rows[s.pos], top = $('.chead'), ask = $('.ask'), cols = $('.cols')
    top.replaceChildren(); ask.replaceChildren(); cols.replaceChildren()
    if (!r) { ask.append(el('div', 'empty', d.empty)); return }
    const about = el('span')
    about.append(el('b', '', r.id.slice(0, 8)), [r.label, r.word].filter(Boolean).join(' · '))
    top.append(about)
    const acts = el('span', 'acts')
    const press = (words, key, act, on) => {
      const node = el('button', on ? 'on' : '', words)
      node.append(el('kbd', '', key))
      node.onclick = act
      acts.append(node)
    }
    press(s.apart ? 'Against the baseline' : 'Against the expected', 'd', flip, s.apart)
    press(r.note ? 'Edit the note' : 'Note', 'n', note)
    press('Training rows behind this', 't', trace)
    top.append(acts)
    cols.classList.toggle('apart', Boolean(s.apart))
    const sides = s.seen.get(r.id)
    if (!sides) { ask.append(el('div', 'empty', 'Loading…')); if (s.asked !== s.pos) { s.asked = s.pos; tell() } return }
    if (s.noting === r.id) {
      const field = el('input', 'note')
      field.value = r.note; field.placeholder = 'A note on this row; #words are tags'; field.maxLength = 500
      field.onkeydown = e => {
        e.stopPropagation()
        if (e.key === 'Escape') { s.noting = null; chat() }
        if (e.key === 'Enter') { s.noting = null; r.note = field.value.trim(); component.setTriggerValue('note', { id: r.id, text: r.note, op: crypto.randomUUID() }); chat() }
      }
      ask.append(field)
      requestAnimationFrame(() => field.focus())
    } else if (r.note) ask.append(el('div', 'noted', r.note))
    ask.append(el('h4', '', 'Asked'), el('div', '', sides.asked))
    cols.append(column('Expected', sides.expected), column(d.baseline, s.apart ? { ...sides.baseline, pieces: plain(sides.baseline.pieces) } : sides.baseline),
      column(d.candidate, s.apart ? sides.changed : sides.candidate))
  }
  function go(i) {
    if (!d.rows.length) return
    s.pos = Math.max(0, Math.min(d.rows.length - 1, i))
    const all = root.querySelectorAll('.row')
    all.forEach((node, k) => node.classList.toggle('on', k === s.pos))
    all[s.pos]?.scrollIntoView({ block: 'nearest' })
    $('.where').textContent = `${s.pos + 1} of ${d.total.toLocaleString('en')}`
    chat()
    clearTimeout(s.rest); s.rest = setTimeout(tell, 600)
  }
  const plain = pieces => pieces.filter(([, kind]) => kind !== 'missing').map(([piece]) => [piece, 'equal'])
  const trace = () => { const r = s.d.rows[s.pos]; if (r) component.setTriggerValue('trace', { id: r.id, t: Date.now() }) }
  const flip = () => { s.apart = !s.apart; chat() }
  const note = () => { s.noting = s.d.rows[s.pos]?.id; chat() }
  const group = n => { const name = s.d.quadrants[n]; if (name) component.setTriggerValue('quadrant', { name, t: Date.now() }) }
  s.key = e => {
    if (e.ctrlKey || e.metaKey || e.altKey || e.isComposing) return
    if (e.composedPath().some(n => ['INPUT', 'TEXTAREA'].includes(n.tagName) || n.isContentEditable || n.getAttribute?.('role') === 'combobox')) return
    if (document.querySelector('[data-testid=stDialog]')) return
    const act = { j: () => go(s.pos + 1), ArrowDown: () => go(s.pos + 1), k: () => go(s.pos - 1), ArrowUp: () => go(s.pos - 1),
      PageDown: () => go(s.pos + 10), PageUp: () => go(s.pos - 10), Home: () => go(0), End: () => go(d.rows.length - 1), t: trace, d: flip, n: note,
      1: () => group(0), 2: () => group(1), 3: () => group(2), 4: () => group(4), r: () => {}, c: () => {} }[e.key]
    if (act) { e.preventDefault(); e.stopPropagation(); act() }
  }
  list(); chat()
  host.dataset.runs = +(host.dataset.runs ?? 0) + 1
  s.fit = () => { $('.ev').style.height = Math.max(460, innerHeight - 120) + 'px' }
  s.fit()
  if (!s.listen) {
    s.listen = e => s.key(e)
    document.addEventListener('keydown', s.listen, true)
    s.watch = new ResizeObserver(() => s.fit())
    s.watch.observe(document.documentElement)
  }
  return () => {
    document.removeEventListener('keydown', s.listen, true)
    s.watch.disconnect(); clearTimeout(s.rest); s.listen = null
  }
}
