const MOST = 200

/** Show frames in a list, the latest first. Return a function that takes each one. */
export function createFrameLog(list, empty, clearButton) {
  clearButton.onclick = () => {
    list.replaceChildren()
    empty.hidden = false
  }

  return (direction, text) => {
    const item = document.createElement('li')
    const mark = document.createElement('span')
    const time = document.createElement('time')
    const content = document.createElement('code')
    item.dataset.direction = direction
    mark.textContent = { in: 'received', out: 'sent', note: 'connection' }[direction]
    time.textContent = new Date().toISOString().slice(11, 23)
    content.textContent = text
    item.append(time, mark, content)
    list.prepend(item)
    empty.hidden = true
    while (list.children.length > MOST) list.lastChild.remove()
  }
}
