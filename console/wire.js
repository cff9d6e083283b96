/**
 * A network that can be cut, and that shows what passes.
 *
 * @param passed called with 'in' or 'out' and the text of each frame, and with 'note' and what became of a connection
 */
export function createWire(passed) {
  const sockets = new Set()
  let isCut = false

  class WatchedSocket extends WebSocket {
    constructor(url, protocols) {
      if (isCut) throw Error('the network is cut')
      super(url, protocols)
      sockets.add(this)
      this.addEventListener('open', () => passed('note', 'connected'))
      this.addEventListener('message', ({ data }) => passed('in', data))
      this.addEventListener('close', ({ code, reason }) => {
        sockets.delete(this)
        passed('note', `closed (${code}${reason && `, ${reason}`})`)
      })
    }

    send(text) {
      passed('out', text)
      super.send(text)
    }
  }

  return {
    WebSocket: WatchedSocket,

    get isCut() {
      return isCut
    },

    cut() {
      isCut = true
      for (const socket of sockets) socket.close()
    },

    restore() {
      isCut = false
      dispatchEvent(new Event('online')) // as a browser tells: the client then waits no longer
    },
  }
}
