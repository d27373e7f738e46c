// What every component with keys shares: small elements, and the outbox. Decisions go out cumulatively, in the
// component's state, and leave only when the server has said that they are stored; sessionStorage holds them
// against a reload. Text of rows reaches the page through textContent alone.
const RESEND = 3000
const el = (tag, cls, text) => {
  const node = document.createElement(tag)
  if (cls) node.className = cls
  if (text !== undefined) node.textContent = text
  return node
}
const button = (cls, text, key, act) => {
  const node = el('button', cls, text)
  if (key) node.append(el('kbd', '', key))
  node.onclick = act
  return node
}
const count = (n, one) => `${n.toLocaleString('en')} ${one}${n === 1 ? '' : 's'}`

function begin(project, name, more) {
  const s = { project, place: `touchstone:${name}:${project}`, sid: crypto.randomUUID(), n: 0, out: [], ...more }
  try {
    const kept = JSON.parse(sessionStorage.getItem(s.place))
    if (kept?.out?.length) Object.assign(s, { sid: kept.sid, n: kept.n, out: kept.out })
  } catch { /* nothing kept, or storage is off: start empty */ }
  return s
}
function outbox(s, unsaved) {
  const keep = () => {
    try {
      if (s.out.length) sessionStorage.setItem(s.place, JSON.stringify({ sid: s.sid, n: s.n, out: s.out }))
      else sessionStorage.removeItem(s.place)
    } catch { /* storage is off or full: the resend timer still holds the items */ }
  }
  const tell = () => { unsaved.textContent = s.out.length ? `${s.out.length} unsaved` : '' }
  const post = () => s.component.setStateValue('outbox', { sid: s.sid, t: Date.now(), items: s.out.slice() })
  const send = item => {
    const n = ++s.n
    s.out.push({ n, op: `${s.sid}:${n}`, ...item })
    keep(); post(); tell()
    return n
  }
  const acknowledge = d => { if (d.sid === s.sid) { s.out = s.out.filter(item => item.n > d.ack); keep() } }
  return { post, send, acknowledge, tell }
}
// Whether a key press belongs to something else: a field, a menu, a dialog.
function elsewhere(e) {
  if (e.ctrlKey || e.metaKey || e.altKey || e.isComposing) return true
  const busy = e.composedPath().some(n => ['INPUT', 'TEXTAREA', 'SELECT'].includes(n.tagName) || n.isContentEditable || ['combobox', 'listbox', 'menu', 'slider'].includes(n.getAttribute?.('role')) && !n.classList?.contains('rows'))
  if (busy && e.key === 'Escape') e.composedPath()[0].blur?.()
  return busy || Boolean(document.querySelector('[role=dialog][aria-modal=true], [data-testid=stDialog]'))
}
function listen(s, box, post) {
  s.fit = () => { box.style.height = Math.max(440, innerHeight - box.getBoundingClientRect().top - 28) + 'px' }
  s.fit()
  if (!s.listen) {
    s.listen = e => s.key(e)
    document.addEventListener('keydown', s.listen, true)
    s.watch = new ResizeObserver(() => s.fit())
    s.watch.observe(document.documentElement)
    s.timer = setInterval(() => { if (s.out.length) post(); s.fit() }, RESEND)
    if (s.out.length) post()
  }
  return () => {
    document.removeEventListener('keydown', s.listen, true)
    s.watch.disconnect(); clearInterval(s.timer); clearTimeout(s.rest)
    s.listen = null
  }
}

