// One question at a time, who answered hidden; a key judges and shows the next one.
export default function (component) {
  const root = component.parentElement, host = root.host ?? root, d = component.data
  let s = host.__grade
  if (!s || s.view !== d.view) {
    const kept = s ? { listen: s.listen, watch: s.watch, timer: s.timer, fit: s.fit } : {}
    s = host.__grade = { ...begin(d.project, d.view, { view: d.view, judged: [] }), ...kept }
  }
  const $ = query => root.querySelector(query)
  s.component = component; s.d = d
  const { post, send, acknowledge, tell } = outbox(s, $('.unsaved'))
  acknowledge(d)
  const open = () => s.d.questions.filter(q => !s.judged.includes(q.key))

  const judge = side => {
    const question = open()[0]
    if (!question) return
    s.judged.push(question.key)
    send({ kind: 'judge', key: question.key, side })
    draw()
  }
  const back = () => {
    const key = s.judged.pop() ?? s.d.last
    if (!key) return
    send({ kind: 'back', key })
    draw()
  }
  function draw() {
    const left = open(), question = left[0], ask = $('.ask'), cols = $('.cols'), press = $('.press')
    const done = s.d.total - s.d.left + (s.d.questions.length - left.length)
    $('.about').textContent = question ? `${(done + 1).toLocaleString('en')} of ${s.d.total.toLocaleString('en')}` : ''
    const undo = button('', 'Take back', 'u', back)
    $('.acts').replaceChildren(...(s.judged.length || s.d.last ? [undo] : []))
    ask.hidden = !question
    ask.replaceChildren(); cols.replaceChildren(); press.replaceChildren()
    if (!question) {
      cols.append(el('div', 'empty', s.d.left > s.judged.length || s.out.length ? 'Loading…' : s.d.empty))
      return
    }
    ask.append(el('h4', '', 'Asked'), el('div', '', question.prompt))
    question.sides.forEach((side, i) => {
      const node = el('section', 'col' + (side.json ? ' json' : ''))
      node.append(el('h4', '', side.title), side.text ? el('div', '', side.text) : el('div', 'void', '(empty)'))
      cols.append(node)
    })
    press.append(...s.d.choices.map(one => button('', one.title, one.key, () => judge(one.side))))
  }
  s.key = e => {
    if (elsewhere(e)) return
    const one = s.d.choices.find(choice => choice.key === e.key)
    const act = one ? () => judge(one.side) : e.key === 'u' ? back : null
    if (act) { e.preventDefault(); e.stopPropagation(); act() }
  }
  // what the server knows already needs no memory here
  s.judged = s.judged.filter(key => s.out.some(item => item.key === key) || s.d.questions.some(q => q.key === key))
  draw(); tell()
  return listen(s, $('.panes'), post)
}
