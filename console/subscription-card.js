const MOST = 50

/** How people call what is subscribed to. */
export const titleOf = (name) => ({ user: 'What is sent to me', everyone: 'What is sent to everyone' })[name.channel] ?? name

function cell(text, className = '') {
  const td = document.createElement('td')
  td.textContent = text
  td.className = className
  return td
}

/**
 * A subscription's card: its state, and its updates, the latest first.
 *
 * @param list where it is put
 * @param ended called when it is unsubscribed from
 */
export function createCard(list, subscription, latency, ended) {
  const card = document.getElementById('subscription').content.firstElementChild.cloneNode(true)
  const find = (selector) => card.querySelector(selector)
  const title = titleOf(subscription.name)
  const rows = find('tbody')
  find('h3').textContent = title
  find('caption').textContent = `Updates of ${title}, the latest first`
  find('button').setAttribute('aria-label', `Unsubscribe: ${title}`)

  function showState(error) {
    const { state } = subscription
    find('.badge').textContent = state
    find('.badge').dataset.state = state
    find('.problem').textContent = error ? `${error.code}: ${error.message}` : ''
  }

  function add(number, message, note, className) {
    const row = document.createElement('tr')
    row.className = className
    row.append(cell(number, 'number'), cell(message, 'message'), cell(note, 'note'))
    rows.prepend(row)
    while (rows.children.length > MOST) rows.lastChild.remove()
  }

  const textOf = (update) => (update.oversize ? '(too large to come along)' : JSON.stringify(update.message))

  function showUpdate(update) {
    const took = latency.of(update)
    const note = update.replayed ? 'replayed' : took === undefined ? '' : `${Math.round(took)} ms`
    const text = update.entityId && update.entityId !== subscription.name ? `${update.entityId}  ${textOf(update)}` : textOf(update)
    add(update.sequence ?? '', text, note, update.replayed ? 'replayed' : 'live')
  }

  subscription.on('state', (_state, { error }) => showState(error))
  subscription.on('error', showState)
  subscription.on('update', showUpdate)
  subscription.on('reset', (_state, { latest }) => {
    rows.replaceChildren()
    if (latest) add(latest.sequence ?? '', textOf(latest), 'the latest before', 'latest')
  })
  find('button').onclick = () => {
    subscription.close()
    card.remove()
    ended()
  }
  showState()
  list.prepend(card)
  return card
}
