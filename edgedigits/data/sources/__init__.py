"""Where data sets come from: names, .npz files, folders of images; each read without believing what it declares."""
