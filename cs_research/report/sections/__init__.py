"""The sections of the page, one module each: numbers chosen from the View, worded, drawn.

Every section is a function from a View to a dict for the template; `absent` in it says why there is nothing.
"""
