// Markdown that users' code wrote. No raw HTML; links with a scheme of the web alone, and no image is fetched.
import ReactMarkdown, { defaultUrlTransform } from 'react-markdown'
import gfm from 'remark-gfm'

const SAFE = /^(https?:|mailto:)/i

export default function Markdown({ text }: { text: string }) {
  return (
    <div className="prose wrap-anywhere">
      <ReactMarkdown
        remarkPlugins={[gfm]}
        urlTransform={url => (SAFE.test(url) ? defaultUrlTransform(url) : '')}
        components={{
          a: ({ href, children }) =>
            href ? (
              <a href={href} rel="noopener noreferrer nofollow" target="_blank">
                {children}
              </a>
            ) : (
              <span>{children}</span>
            ),
          img: ({ alt, src }) => <span>[image: {alt || src}]</span>,
        }}
      >
        {text}
      </ReactMarkdown>
    </div>
  )
}
