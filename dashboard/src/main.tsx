// Where the dashboard begins: queries, the stream of events, the router.
import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { RouterProvider } from '@tanstack/react-router'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { Refused } from './api/client'
import { follow } from './api/live'
import { keepFresh } from './api/refresh'
import { makeRouter } from './router'
import './styles.css'
import { setTheme, theme } from './ui/theme'

setTheme(theme())

const client = new QueryClient({
  defaultOptions: {
    queries: {
      // What is shown is brought up to date by events; going back to a tab needs no new look.
      staleTime: 5_000,
      refetchOnWindowFocus: false,
      retry: (failures, error) => !(error instanceof Refused) && failures < 3,
      // A server that runs here is reached without any network.
      networkMode: 'always',
    },
    mutations: { networkMode: 'always' },
  },
})
keepFresh(client)
follow()

const root = document.getElementById('root')
if (root !== null) {
  createRoot(root).render(
    <StrictMode>
      <QueryClientProvider client={client}>
        <RouterProvider router={makeRouter(client)} />
      </QueryClientProvider>
    </StrictMode>,
  )
}
