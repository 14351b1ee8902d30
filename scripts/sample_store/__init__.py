"""A generator for an invented store: catalog, shoppers' events, judged queries. Everything in it is made up."""
