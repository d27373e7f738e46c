// A list and the chat beside it. Every key is answered here; the server is asked for windows of rows
// and told decisions as a cumulative outbox, so that nothing pressed is lost and nothing counts twice.
// Text of rows reaches the page through textContent alone.
const ROW = 46, CHATS = 400
const ROLES = ['system', 'user', 'assistant', 'tool', 'developer']
const KEYS = [
  [['j', 'k'], 'next, previous (arrows too)'], [['a'], 'keep and go on'], [['d'], 'drop and go on'], [['x'], 'back to undecided'],
  [['f'], 'flag with a reason, or for later'], [['l'], 'set the label: type to filter, a number chooses'],
  [['e'], 'edit the last answer (Ctrl+Enter saves, Esc leaves)'], [['E'], 'edit all turns as JSON'], [['h'], 'who changed what'], [['i'], 'guideline'], [['s'], 'rows of similar meaning'], [['y'], 'accept the likelier label and go on'],
  [['u'], 'undo the newest action'], [['U'], 'redo'], [['g'], 'jump to a position'], [['PgUp', 'PgDn'], 'ten rows'],
  [['/'], 'search'], [['?'], 'this list'],
]

export default function (component) {
  const root = component.parentElement, host = root.host ?? root
  const d = component.data
  const s = host.__review?.project === d.project ? host.__review
    : host.__review = begin(d.project, 'review', { pos: 0, view: null, lines: new Map(), chats: new Map(), drafts: new Map(), jumped: null })
  const $ = query => root.querySelector(query)
  s.component = component
  s.d = d

  const { post, send, acknowledge, tell: unsaved } = outbox(s, $('.unsaved'))
  acknowledge(d)
  s.pending = new Map(s.out.filter(item => item.kind === 'decision').map(item => [item.seq, item.value]))

  // ── positions and rows ────────────────────────────────────────────────────────────────────────────
  if (s.view !== d.view) { s.view = d.view; s.pos = d.pos ?? 0; s.editing = null; s.fresh = true; s.start = d.start }
  s.asked = null
  for (const r of d.rows) if (r.chat) { s.chats.delete(r.seq); s.chats.set(r.seq, { rev: r.rev, chat: r.chat }) }
  while (s.chats.size > CHATS) s.chats.delete(s.chats.keys().next().value)

  const row = i => s.d.rows[i - s.d.start]
  const chatOf = r => { const kept = r && s.chats.get(r.seq); return kept && kept.rev === r.rev ? kept.chat : null }
  const decisionOf = r => s.pending.get(r.seq) ?? r.decision
  const tell = () => s.component.setStateValue('at', { view: s.view, pos: s.pos, around: s.around ?? s.pos, past: s.past ?? 0, like: s.like ?? '' })
  const ask = around => {
    if (s.asked === around) return
    s.asked = around; s.around = around
    clearTimeout(s.rest); tell()
  }
  const rest = () => { clearTimeout(s.rest); s.rest = setTimeout(() => { s.around = s.pos; tell() }, 700) }

  function line(r, i) {
    const decision = decisionOf(r)
    const signature = [r.rev, decision, r.flags, r.label, r.split, r.edited, r.aside].join('|')
    let li = s.lines.get(r.seq)
    if (li?.signature !== signature) {
      li = el('li', 'row')
      li.signature = signature
      li.setAttribute('role', 'option')
      const meta = el('div', 'm', [r.label, count(r.turns, 'turn'), `${r.chars.toLocaleString('en')} chars`].filter(Boolean).join(' · '))
      if (r.flags) meta.append(' · ', el('span', 'n ' + r.worst, count(r.flags, 'flag')))
      if (r.edited) meta.append(' · edited')
      const middle = el('div')
      middle.style.minWidth = 0
      middle.append(el('div', 'p', r.preview || '(no text)'), meta)
      li.append(el('span', 'bar'), middle, el('span', 's ' + decision, decision === 'undecided' ? r.aside ?? '' : decision))
      li.classList.toggle('dropped', decision === 'drop')
      s.lines.set(r.seq, li)
    }
    li.onclick = () => go(i)
    li.dataset.i = i
    return li
  }
  function list() {
    const ol = $('.rows'), top = ol.scrollTop + (s.start - d.start) * ROW
    const shown = new Set(d.rows.map(r => r.seq))
    for (const seq of s.lines.keys()) if (!shown.has(seq)) s.lines.delete(seq)
    ol.replaceChildren(...d.rows.map((r, k) => line(r, d.start + k)))
    if (s.start !== d.start) ol.scrollTop = top
    s.start = d.start
    ol.onscroll = () => {
      const first = s.d.start + Math.floor(ol.scrollTop / ROW), last = first + Math.ceil(ol.clientHeight / ROW)
      const end = s.d.start + s.d.rows.length
      if ((last > end - 8 && end < s.d.total) || (first < s.d.start + 8 && s.d.start > 0)) ask(Math.round((first + last) / 2))
    }
  }
  function select(scroll) {
    for (const node of root.querySelectorAll('.row.on')) { node.classList.remove('on'); node.removeAttribute('aria-selected') }
    const r = row(s.pos), node = r && s.lines.get(r.seq)
    if (node) { node.classList.add('on'); node.setAttribute('aria-selected', 'true'); if (scroll) node.scrollIntoView({ block: 'nearest' }) }
    $('.where').textContent = d.total ? `${(s.pos + 1).toLocaleString('en')} of ${d.total.toLocaleString('en')}` : 'No examples'
    head(); past(); why(); transcript()
  }

  // ── the chat ──────────────────────────────────────────────────────────────────────────────────────
  function head() {
    const r = row(s.pos), top = $('.chead')
    top.replaceChildren()
    if (!r) return
    const about = el('div', 'about')
    about.append(el('b', '', r.id.slice(0, 8)), el('span', '', [r.source, r.split, r.label, r.edited ? 'edited' : ''].filter(Boolean).join(' · ')))
    const acts = el('div', 'acts'), now = decisionOf(r)
    for (const [kind, name, key, act] of [
      ['keep', 'Keep', 'A', () => decide('keep')], ['drop', 'Drop', 'D', () => decide('drop')], ['flag', 'Flag', 'F', flag],
      ['edit', 'Edit', 'E', () => edit()], ['undo', 'Undo', 'U', undo],
    ]) {
      const node = button(kind === 'keep' || kind === 'drop' ? kind : '', name, key, act)
      node.dataset.act = kind
      if (kind === 'keep' || kind === 'drop') node.setAttribute('aria-pressed', String(now === kind))
      acts.append(node)
    }
    const like = button('like', 'Find similar', 'S', similar)
    about.append(like)
    top.append(about, acts)
  }
  // A number behind the id: asking about the same row again is another wish.
  const similar = () => { const r = row(s.pos); if (r) { s.like = `${r.id}:${Date.now()}`; tell() } }
  function why() {
    const r = row(s.pos), box = $('.why'), doubt = r?.doubt
    box.hidden = !doubt
    box.replaceChildren()
    if (!doubt) return
    const said = el('div', 'said'), near = el('ol', 'near')
    said.append('Given ', el('b', '', doubt.given), ', likelier ', el('b', '', doubt.suggested), ` (${doubt.probability}). ${doubt.reason}.`)
    for (const [id, label, similarity] of doubt.near) {
      const line = el('li')
      line.append(el('code', '', id.slice(0, 8)), el('span', '', label), el('span', 'n', similarity))
      near.append(line)
    }
    said.append(button('accept', `Make it ${doubt.suggested}`, 'Y', accept))
    box.append(said, near)
  }
  function accept() {
    const r = row(s.pos)
    if (!r?.doubt) return
    send({ kind: 'suggestion', seq: r.seq, value: r.doubt.suggested })
    go(s.pos + 1)
  }
  function transcript() {
    const r = row(s.pos), flags = $('.flags'), turns = $('.turns')
    if (s.editing && r && s.editing.seq === r.seq) return
    s.editing = null
    const chat = chatOf(r), signature = r && chat ? `${r.seq}|${r.rev}|${JSON.stringify(chat.flags)}` : ''
    if (signature && s.drawn === signature) return
    s.drawn = signature
    flags.replaceChildren(); turns.replaceChildren()
    if (!r || !chat) {
      turns.append(el('div', 'empty', d.total ? 'Loading…' : d.empty))
      if (d.total) ask(s.pos)
      return
    }
    for (const f of chat.flags) {
      if (f.inline) continue
      const node = el('div', 'flag ' + f.severity)
      node.append(el('span', 'c', f.check), el('span', '', f.message))
      flags.append(node)
    }
    if (chat.tools.length) turns.append(toolBox(chat.tools))
    chat.turns.forEach((turn, i) => turns.append(turnNode(turn, i, chat)))
    turns.scrollTop = 0
  }
  function toolBox(tools) {
    const node = el('article', 'turn tools'), box = el('details')
    box.append(el('summary', '', `${count(tools.length, 'tool')}: ${tools.map(t => t.name).join(', ')}`))
    for (const tool of tools) box.append(el('pre', '', tool.text))
    node.append(box)
    return node
  }
  function turnNode(turn, i, chat) {
    const node = el('article', 'turn ' + turn.kind), role = el('div', 'role', turn.title)
    if (turn.editable) role.append(button('', 'edit', '', () => edit(i)), ...turnActs(turn))
    const body = el('div', 'body' + (turn.json ? ' json' : ''))
    body.dataset.turn = i
    let notes = []
    const plain = text => {
      const end = notes.length ? text.indexOf('\n') : -1
      if (end < 0) { body.append(text); return }
      body.append(text.slice(0, end), ...notes, text.slice(end)); notes = []
    }
    const last = new Map(turn.runs.flatMap(([, found], at) => found.map(k => [k, at])))
    for (const [at, [text, found]] of turn.runs.entries()) {
      if (!found.length) { plain(text); continue }
      const first = chat.flags[found[0]], mark = el('mark', first.severity, text)
      mark.title = found.map(k => `${chat.flags[k].check}: ${chat.flags[k].message}`).join('\n')
      body.append(mark)
      if (turn.json) notes.push(...found.filter(k => chat.flags[k].inline && last.get(k) === at).map(k => el('span', 'note ' + chat.flags[k].severity, chat.flags[k].message)))
    }
    body.append(...notes)
    if (!turn.runs.some(([text]) => text)) body.append(el('span', 'void', '(empty)'))
    node.append(role, body)
    return node
  }

  function turnActs(turn) {
    const r = row(s.pos), act = (name, value) => { s.drawn = null; send({ kind: 'messages', act: name, seq: r.seq, turn: turn.index, value }) }
    const roles = el('select')
    roles.setAttribute('aria-label', 'Role')
    roles.append(...ROLES.map(name => { const o = el('option', '', name); o.selected = name === turn.kind; return o }))
    roles.onchange = () => act('role', roles.value)
    return [roles, button('', 'up', '', () => act('move', -1)), button('', 'down', '', () => act('move', 1)),
      button('', 'add below', '', () => act('add', turn.kind === 'user' ? 'assistant' : 'user')), button('', 'delete', '', () => act('delete', 0))]
  }
  // JSON laid out by copying its characters: parsing would turn 39.90 into 39.9.
  function pretty(text) {
    let out = '', depth = 0, inside = false, escaped = false
    const line = () => '\n' + '  '.repeat(depth)
    for (const c of text) {
      if (inside) { out += c; inside = escaped || c !== '"'; escaped = c === '\\' && !escaped }
      else if (c === '"') { out += c; inside = true }
      else if (c === '{' || c === '[') { depth++; out += c + line() }
      else if (c === '}' || c === ']') { depth--; out += line() + c }
      else if (c === ',') out += c + line()
      else if (c === ':') out += ': '
      else if (c.trim()) out += c
    }
    return out
  }
  function problem(text) {
    let turns
    try { turns = JSON.parse(text) } catch (error) { return String(error.message) }
    if (!Array.isArray(turns) || !turns.length) return 'This must be a list of turns: [{"role": …, "content": …}]'
    for (const [i, turn] of turns.entries()) {
      if (typeof turn?.role !== 'string') return `Turn ${i} has no role`
      if (turn.content === undefined && !turn.tool_calls) return `Turn ${i} (${turn.role}) has no content and no tool call`
    }
    return ''
  }
  function raw() {
    const r = row(s.pos), chat = chatOf(r)
    if (!chat) return
    const key = `${r.seq}:raw`, box = $('.turns'), area = el('textarea', 'json'), said = el('div', 'note block'), bar = el('div', 'save')
    s.editing = { seq: r.seq }
    area.setAttribute('aria-label', 'All turns as JSON')
    const first = pretty(chat.source)
    area.value = s.drafts.get(key) ?? first
    const leave = () => { s.editing = null; s.drawn = null; transcript(); $('.rv').focus({ preventScroll: true }) }
    const save = () => {
      if (problem(area.value)) return
      if (area.value !== first) { s.drafts.set(key, area.value); send({ kind: 'messages', act: 'all', seq: r.seq, value: JSON.parse(area.value) }) }
      leave()
    }
    const drop = () => { s.drafts.delete(key); leave() }
    const saves = button('', 'Save', 'Ctrl+Enter', save)
    const look = () => { said.textContent = problem(area.value); saves.disabled = Boolean(said.textContent) }
    bar.append(saves, button('', 'Cancel', 'Esc', drop), said)
    box.replaceChildren(bar, area)
    area.style.height = Math.max(240, box.clientHeight - 90) + 'px'
    area.oninput = () => { s.drafts.set(key, area.value); look() }
    area.onkeydown = e => {
      e.stopPropagation()
      if (e.key === 'Escape') drop()
      if (e.key === 'Enter' && (e.metaKey || e.ctrlKey)) save()
    }
    look(); area.focus()
  }
  const marked = pieces => pieces.map(([text, kind]) => el({ equal: 'span', extra: 'ins', missing: 'del' }[kind], '', text))
  function past() {
    const box = $('.past'), r = row(s.pos), found = d.past
    box.hidden = !(s.past && r && s.past === r.seq)
    if (box.hidden) return
    box.replaceChildren(el('h4', '', 'What happened to this row'))
    if (!found || found.seq !== r.seq) { box.append(el('div', '', 'Loading…')); return }
    for (const one of found.entries) {
      const line = el('div', 'line'), words = el('div', 'words')
      words.append(...marked(one.pieces))
      line.append(el('span', 'when', `${one.when} · ${one.who} · ${one.what}${one.why ? ` (${one.why})` : ''}`), words)
      box.append(line)
    }
    if (!found.entries.length) box.append(el('div', '', 'Nothing since it was imported.'))
    if (found.imported.length) { const words = el('div', 'words'); words.append(...marked(found.imported)); box.append(el('h4', '', 'As imported, and now'), words) }
  }
  const showPast = () => { const r = row(s.pos); s.past = r && s.past !== r.seq ? r.seq : 0; past(); tell() }
  function guide() {
    const box = $('.keys')
    if (!box.hidden) { box.hidden = true; return }
    box.replaceChildren(el('div', 'guide', d.guideline || 'There is no guideline yet: write one in Settings, under Guideline.'))
    box.hidden = false
  }

  // ── what a person does ────────────────────────────────────────────────────────────────────────────
  function go(i) {
    if (!s.d.total) return
    s.pos = Math.max(0, Math.min(s.d.total - 1, i))
    s.editing = null; close()
    select(true); rest()
    const ahead = row(Math.min(s.d.total - 1, s.pos + 6))
    if (!row(s.pos) || !chatOf(row(s.pos)) || !ahead || !chatOf(ahead)) ask(s.pos)
  }
  function decide(value) {
    const r = row(s.pos)
    if (!r) return
    s.pending.set(r.seq, value)
    send({ kind: 'decision', seq: r.seq, value })
    list()
    if (value === 'undecided') select(false); else go(s.pos + 1)
  }
  const undo = () => send({ kind: 'undo' })
  const redo = () => send({ kind: 'redo' })
  function question(title, value, suggestions, done) {
    const box = $('.ask'), input = el('input'), names = el('div', 'names')
    let typed = false, shown = []
    const take = text => { close(); done(text) }
    const fill = () => {
      const part = typed ? input.value.trim().toLowerCase() : ''
      shown = suggestions.filter(text => text.toLowerCase().includes(part)).slice(0, 9)
      names.replaceChildren(...shown.map((text, i) => button('', text, typed ? '' : String(i + 1), () => take(text))))
    }
    input.value = value; input.setAttribute('aria-label', title)
    box.replaceChildren(el('span', '', title), input, el('span', '', 'Enter saves, Esc leaves'), names)
    box.hidden = false
    fill()
    input.oninput = () => { typed = true; fill() }
    input.onkeydown = e => {
      e.stopPropagation()
      if (!typed && /^[1-9]$/.test(e.key) && shown[e.key - 1]) { e.preventDefault(); take(shown[e.key - 1]); return }
      if (e.key === 'Escape') close()
      if (e.key === 'Enter' && !e.isComposing) { const text = input.value.trim(); close(); if (text) done(text) }
    }
    input.focus(); input.select()
  }
  const close = () => { $('.ask').hidden = true; $('.keys').hidden = true }
  function flag() {
    const r = row(s.pos)
    if (r) question('Why is it flagged?', '', d.reasons, value => send({ kind: 'hand_flag', seq: r.seq, value }))
  }
  function label() {
    const r = row(s.pos)
    if (r) question('Label', r.label ?? '', d.labels, value => send({ kind: 'label', seq: r.seq, value }))
  }
  const jump = () => question('Go to row', String(s.pos + 1), [], text => { const n = parseInt(text.replace(/\D/g, ''), 10); if (n) go(n - 1) })
  function edit(i) {
    const r = row(s.pos), chat = chatOf(r)
    if (!chat) return
    if (i === undefined) i = chat.turns.findLastIndex(turn => turn.editable && turn.kind === 'assistant')
    if (i < 0) i = chat.turns.findLastIndex(turn => turn.editable)
    const turn = chat.turns[i], body = i >= 0 && $(`.body[data-turn="${i}"]`)
    if (!turn || !body) return
    const key = `${r.seq}:${i}`, area = el('textarea')
    s.editing = { seq: r.seq }
    area.value = s.drafts.get(key) ?? turn.raw
    const leave = () => { s.editing = null; s.drawn = null; transcript(); $('.rv').focus({ preventScroll: true }) }
    const save = () => {
      s.drafts.delete(key)
      if (area.value !== turn.raw) {
        turn.runs = [[area.value, []]]; turn.raw = area.value; turn.json = false
        send({ kind: 'messages', seq: r.seq, turn: turn.index, value: area.value })
      }
      leave()
    }
    const drop = () => { s.drafts.delete(key); leave() }
    const bar = el('div', 'save')
    bar.append(button('', 'Save', 'Ctrl+Enter', save), button('', 'Cancel', 'Esc', drop))
    body.replaceWith(area); area.after(bar)
    area.style.height = Math.min(area.scrollHeight + 8, 420) + 'px'
    area.oninput = () => s.drafts.set(key, area.value)
    area.onkeydown = e => {
      e.stopPropagation()
      if (e.key === 'Escape') drop()
      if (e.key === 'Enter' && (e.metaKey || e.ctrlKey)) save()
    }
    area.focus()
  }
  function help() {
    const box = $('.keys')
    if (!box.hidden) { box.hidden = true; return }
    box.replaceChildren(...KEYS.flatMap(([keys, text]) => { const left = el('span'); left.append(...keys.map(k => el('kbd', '', k))); return [left, el('span', '', text)] }))
    box.hidden = false
  }

  s.key = e => {
    if (elsewhere(e)) return
    const act = {
      j: () => go(s.pos + 1), ArrowDown: () => go(s.pos + 1), k: () => go(s.pos - 1), ArrowUp: () => go(s.pos - 1),
      PageDown: () => go(s.pos + 10), PageUp: () => go(s.pos - 10), Home: () => go(0), End: () => go(s.d.total - 1),
      a: () => decide('keep'), K: () => decide('keep'), d: () => decide('drop'), x: () => decide('undecided'), f: flag, l: label,
      e: () => edit(), E: raw, h: showPast, i: guide, s: similar, y: accept, u: undo, U: redo, g: jump, '?': help, Escape: close, r: () => {}, c: () => {},
      '/': () => document.querySelector('.st-key-q input')?.focus(),
    }[e.key]
    if (!act) return
    e.preventDefault(); e.stopPropagation(); act()
  }

  // ── draw ──────────────────────────────────────────────────────────────────────────────────────────
  $('.where').onclick = jump
  $('.help').onclick = help
  if (d.jump && d.jump.op !== s.jumped) { s.jumped = d.jump.op; s.pos = d.jump.pos }
  list(); select(s.fresh || Boolean(d.jump)); unsaved()
  s.fresh = false
  host.dataset.runs = +(host.dataset.runs ?? 0) + 1

  return listen(s, $('.rv'), post)
}
