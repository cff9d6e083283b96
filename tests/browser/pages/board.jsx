/** Show entities in strict mode: `show(names)`. `mounts` counts how often React has mounted one. */
import { StrictMode, useEffect, useState } from 'react'
import { createRoot } from 'react-dom/client'
import { EntityPush } from '../../../clients/javascript/src/index.js'
import { useEntity } from '../../../clients/javascript/src/react.js'

const url = new URLSearchParams(location.search).get('url')
const push = new EntityPush({ url, token: async () => (await fetch('/token')).text() })
window.mounts = 0

function Entity({ name }) {
  const { value, state } = useEntity(push, name)
  useEffect(() => {
    window.mounts++
  }, [])
  return (
    <p>
      {name} {state} {value}
    </p>
  )
}

function Board() {
  const [names, setNames] = useState([])
  window.show = setNames
  return names.map((name) => <Entity key={name} name={name} />)
}

createRoot(document.getElementById('root')).render(
  <StrictMode>
    <Board />
  </StrictMode>,
)
