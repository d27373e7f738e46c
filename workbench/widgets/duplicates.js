// Clusters at the left; the members of one beside each other, each marked against the one that stands for them.
const KEYS = [
  [['j', 'k'], 'next, previous cluster (arrows too)'], [['Enter'], 'keep the representative, drop the rows like it, go on'],
  [['a'], 'keep all and go on'], [['x'], 'all back to undecided'], [['1', '9'], 'choose the representative'],
  [['u'], 'undo the newest action'], [['U'], 'redo'], [['/'], 'search'], [['?'], 'this list'],
]

export default function (component) {
  const root = component.parentElement, host = root.host ?? root, d = component.data
  const s = host.__duplicates?.project === d.project ? host.__duplicates
    : host.__duplicates = begin(d.project, 'duplicates', { pos: 0, view: null, heads: new Map(), jumped: null })
  const $ = query => root.querySelector(query)
  s.component = component; s.d = d
  const { post, send, acknowledge, tell: unsaved } = outbox(s, $('.unsaved'))
  acknowledge(d)
  s.pending = new Map(s.out.filter(item => item.kind === 'cluster').flatMap(item => Object.entries(item.value)))
  if (s.view !== d.view) { s.view = d.view; s.pos = d.pos ?? 0 }
  s.asked = null
  const row = i => s.d.clusters[i - s.d.start]
  const decisionOf = m => s.pending.get(String(m.seq)) ?? m.decision
  const tell = () => s.component.setStateValue('at', { view: s.view, pos: s.pos, heads: Object.fromEntries(s.heads) })
  const ask = () => { if (s.asked !== s.pos) { s.asked = s.pos; tell() } }

  function list() {
    const ol = $('.rows')
    ol.replaceChildren(...d.clusters.map((c, k) => {
      const i = d.start + k, li = el('li', 'row' + (i === s.pos ? ' on' : ''))
      li.setAttribute('role', 'option')
      const middle = el('div')
      middle.style.minWidth = 0
      const meta = [count(c.size, 'row'), `weakest ${c.weakest.toFixed(2)}`, c.labels > 1 ? `${c.labels} labels` : c.label]
      middle.append(el('div', 'p', c.preview || '(no text)'), el('div', 'm', meta.filter(Boolean).join(' · ')))
      li.append(el('span', 'bar'), middle, el('span', 's ' + c.tone, c.word))
      li.onclick = () => go(i)
      return li
    }))
    ol.onscroll = () => {
      const last = s.d.start + Math.ceil((ol.scrollTop + ol.clientHeight) / 46)
      if (last > s.d.start + s.d.clusters.length - 4 && s.d.start + s.d.clusters.length < s.d.total) { s.pos = last - 4; tell() }
    }
  }
  function select(scroll) {
    const rows = [...root.querySelectorAll('.row')]
    rows.forEach((node, k) => { node.classList.toggle('on', d.start + k === s.pos); node.toggleAttribute('aria-selected', d.start + k === s.pos) })
    if (scroll) rows[s.pos - d.start]?.scrollIntoView({ block: 'nearest' })
    $('.where').textContent = d.total ? `${(s.pos + 1).toLocaleString('en')} of ${count(d.total, 'cluster')}` : 'No clusters'
    draw()
  }
  function draw() {
    const c = row(s.pos), top = $('.chead'), box = $('.members'), found = c && d.members[c.cluster]
    top.replaceChildren(); box.replaceChildren()
    if (!c) { box.append(el('div', 'empty', d.empty)); return }
    if (!found) { box.append(el('div', 'empty', 'Loading…')); ask(); return }
    const like = found.groups[0].members.length > 1 || found.groups[0].members[0].copies > 1
    const acts = el('div', 'acts')
    const one = button('', 'Keep one', 'Enter', keepOne)
    one.disabled = !like
    one.title = like ? 'Keep the representative, drop the rows like it' : 'These rows share a question only: decide each by itself'
    acts.append(one, button('keep', 'Keep all', 'A', () => each('keep')), button('', 'Undecided', 'X', () => each('undecided')), button('', 'Undo', 'U', undo))
    top.append(el('div', 'about', found.says), acts)
    let n = 0
    found.groups.forEach((group, g) => {
      if (g) box.append(el('h4', '', group.says))
      const grid = el('div', 'grid')
      for (const m of group.members) grid.append(card(m, ++n, g === 0, c))
      box.append(grid)
    })
    if (found.more) box.append(el('div', 'empty', `${count(found.more, 'more text')} in this cluster; raise the threshold to see fewer at once.`))
    box.scrollTop = 0
  }
  function card(m, n, first, c) {
    const node = el('article', 'card' + (m.head ? ' head' : '')), top = el('div', 'cap'), now = decisionOf(m)
    top.append(el('b', '', m.id.slice(0, 8)), el('span', 'link', m.link))
    if (now !== 'undecided') top.append(el('span', 's ' + now, now))
    const about = el('div', 'm', m.about)
    node.append(top, about)
    for (const turn of m.turns) {
      const body = el('div', 'body ' + turn.kind)
      body.append(el('div', 'role', turn.role))
      for (const [text, kind] of turn.pieces) body.append(el({ equal: 'span', extra: 'ins', missing: 'del' }[kind], '', text))
      node.append(body)
    }
    const acts = el('div', 'foot')
    if (first && !m.head) acts.append(button('', 'Keep this one instead', n < 10 ? String(n) : '', () => choose(c, m)))
    for (const value of ['keep', 'drop']) if (now !== value) acts.append(button(value, value === 'keep' ? 'Keep' : 'Drop', '', () => decide([m], value)))
    node.append(acts)
    node.dataset.seq = m.seq
    return node
  }
  function choose(c, m) { s.heads.set(c.cluster, m.seq); tell() }
  const everyone = m => m.copied.map(seq => [seq, m])
  function store(values, went) {
    for (const [seq, value] of Object.entries(values)) s.pending.set(seq, value)
    send({ kind: 'cluster', value: values })
    if (went) go(s.pos + 1); else draw()
  }
  const decide = (members, value) => store(Object.fromEntries(members.flatMap(everyone).map(([seq]) => [seq, value])), false)
  function each(value) {
    const found = row(s.pos) && d.members[row(s.pos).cluster]
    if (found) store(Object.fromEntries(found.all.map(seq => [seq, value])), value === 'keep')
  }
  function keepOne() {
    const found = row(s.pos) && d.members[row(s.pos).cluster]
    if (!found || found.alike.length < 2) return
    store(Object.fromEntries(found.alike.map(seq => [seq, seq === found.head ? 'keep' : 'drop'])), true)
  }
  const undo = () => send({ kind: 'undo' })
  const redo = () => send({ kind: 'redo' })
  function go(i) {
    if (!s.d.total) return
    s.pos = Math.max(0, Math.min(s.d.total - 1, i))
    select(true)
    clearTimeout(s.rest); s.rest = setTimeout(tell, 400)
    if (!row(s.pos) || !s.d.members[row(s.pos).cluster]) ask()
  }
  function help() {
    const box = $('.keys')
    if (!box.hidden) { box.hidden = true; return }
    box.replaceChildren(...KEYS.flatMap(([keys, text]) => { const left = el('span'); left.append(...keys.map(k => el('kbd', '', k))); return [left, el('span', '', text)] }))
    box.hidden = false
  }
  s.key = e => {
    if (elsewhere(e) || (e.key === 'Enter' && e.composedPath()[0].tagName === 'BUTTON')) return
    const chosen = /^[1-9]$/.test(e.key) && row(s.pos) && d.members[row(s.pos).cluster]?.groups[0].members[e.key - 1]
    const act = chosen ? () => choose(row(s.pos), chosen) : {
      j: () => go(s.pos + 1), ArrowDown: () => go(s.pos + 1), k: () => go(s.pos - 1), ArrowUp: () => go(s.pos - 1), Home: () => go(0), End: () => go(s.d.total - 1),
      PageDown: () => go(s.pos + 10), PageUp: () => go(s.pos - 10), Enter: keepOne, a: () => each('keep'), x: () => each('undecided'), u: undo, U: redo,
      '?': help, Escape: () => { $('.keys').hidden = true }, r: () => {}, c: () => {}, '/': () => document.querySelector('.st-key-q input')?.focus(),
    }[e.key]
    if (act) { e.preventDefault(); e.stopPropagation(); act() }
  }
  if (d.jump && d.jump.op !== s.jumped) { s.jumped = d.jump.op; s.pos = d.jump.pos }
  $('.help').onclick = help
  list(); select(true); unsaved()
  host.dataset.runs = +(host.dataset.runs ?? 0) + 1
  return listen(s, $('.dp'), post)
}
