"""Speed against plain libraries; `npm run bench` runs them."""
