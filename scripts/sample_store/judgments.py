"""Judged queries: what a shopper might type, and which items answer it, from what the generator knows.

A want is written ``type``, ``type/kind,kind`` or either followed by ``+feature`` (all needed) and ``=color,color``.
Exact wants answer the query; substitutes would do; complements go along with an answer. The rest of a sample of
other items is labeled irrelevant. The text of an item is never looked at.
"""

from .chance import Chance

COMPLEMENTS_SHOWN = 15
OTHERS_SAME_DEPARTMENT = 12
OTHERS_ELSEWHERE = 8

# query | exact | substitute | complement (wants separated by ;)
QUERIES = """
something to keep my coffee warm on the train | flask/commuter | flask/classic,jug | coffee; coffee_maker
bring hot soup to work without a microwave | flask/food | flask/classic; food_box/bento | food_box/glass
serve hot drinks to a whole meeting | flask/jug | flask/classic; coffee_maker/drip | coffee
slice a crusty loaf cleanly | knife/bread | knife/chef,set | food_box/canister
everything needed to chop and carve in a first home | knife/set | knife/chef | skillet
fry eggs without them sticking | skillet/nonstick | skillet/castiron,steel | kettle
sear a steak with a really good crust | skillet/castiron | skillet/steel,nonstick | knife/chef
toss vegetables over fierce heat asian style | skillet/wok | skillet/steel,nonstick | knife/chef
cappuccino at home like in a cafe | coffee_maker/espresso | coffee_maker/moka | coffee/dark
the pot should be ready when I get out of bed | coffee_maker/drip | coffee_maker/espresso | coffee/ground
taste of coffee in the evening but I need to sleep | coffee/decaf | coffee/dark,light,ground | coffee_maker/press
water at exactly the right heat for green tea | kettle +temperature | kettle | flask/classic
stop leftovers from going bad | food_box +airtight | food_box | knife
midday meal for my son at school with separate sections | food_box/bento | food_box/silicone; flask/food | backpack/school
get rid of throwaway plastic bags in the kitchen | food_box/silicone | food_box/glass,canister |
I can't sleep because my bedroom is too hot | fan/tower,pedestal,ceiling,desk | pillow +cooling; fan/handheld | curtain/thermal
keep cool while waiting on a crowded platform in summer | fan/handheld | fan/desk +rechargeable | water_bottle; sun_hat
silent air circulation for the nursery | fan +quiet | fan/tower,pedestal,ceiling,desk | baby_monitor
light for studying late | lamp/desk | lamp/bedside,floor | office_chair; notebook
my toddler is afraid of the dark | lamp/night | lamp/bedside | plush/classic
calm me down when I am restless in bed | blanket/weighted | blanket/throw,electric | pillow
sit on wet grass in the park | blanket/picnic | | flask/jug; camp_stove/grill
I wake up with a sore neck | pillow/memory | pillow/down,body | blanket
doze on a long plane ride | pillow/travel | | socks/compression; headphones +anc
lie comfortably while expecting a child | pillow/body | pillow/memory | baby_monitor
sleep during the day after a night shift | curtain/blackout | curtain/thermal | pillow
keep winter out of an old drafty window | curtain/thermal | curtain/blackout | blanket/electric
shelter light enough to carry over the mountains | tent/backpacking | tent/winter,popup | sleeping_bag; backpack/hiking
somewhere to sleep at a music festival that sets itself up | tent/popup | tent/backpacking,family | sleeping_bag/summer
shade for the baby by the sea | tent/beach | sun_hat/kids | sunscreen/kids
spend the night outside in freezing temperatures | sleeping_bag/winter | sleeping_bag/double; tent/winter | headlamp
what my daughter needs to sleep at summer camp | sleeping_bag/kids | sleeping_bag/summer | headlamp
carry books to class | backpack/school | backpack/laptop,daypack | notebook; water_bottle/kids
take my computer to work on rainy days | backpack/laptop +rain | backpack/laptop; backpack +rain | keyboard/mouse
hands free light for putting up camp at night | headlamp/head | headlamp/runner,lantern | tent
something bright for when the electricity goes out | headlamp/lantern,torch | headlamp/head,runner | power_bank
cook in the wild with no fuel to carry | camp_stove/wood | camp_stove/gas,double | headlamp
sausages in the park with friends | camp_stove/grill | camp_stove/double | blanket/picnic
shut out the noise of the open plan office | headphones +anc | headphones/over,buds | 
music while jogging and still hear cars | headphones/sport | headphones/buds | water_bottle/sport
protect my child's hearing on a long drive | headphones/kids | | water_bottle/kids
songs at the lake with friends | speaker/portable | speaker/radio | power_bank
I can't understand what the actors say on television | speaker/soundbar | speaker/bookshelf | headphones/over
my phone dies before the evening | power_bank/slim | power_bank/large,wall,solar | 
gadgets running on a week-long trek without outlets | power_bank/large,solar | power_bank/slim | backpack/hiking
pain in my wrists from typing | keyboard/ergo,mouse | keyboard/quiet | office_chair/ergo
write at night next to a sleeping partner | keyboard +silent | keyboard/quiet | lamp/desk
my lower back hurts from sitting all day | office_chair/ergo; office_chair +lumbar | office_chair/gaming,exec,stool | keyboard/ergo
lots of color pages for very little money | printer/inkjet +tank | printer/inkjet,laser | paper/copy
holiday pictures from my phone to put on the fridge | printer/photo | printer/inkjet | paper/photo
keep track of appointments without a screen | notebook/planner | notebook/dotted,ruled | 
somewhere to draw with ink and watercolor | notebook/sketch | notebook/dotted; paper/card | 
stay dry while walking the dog | rain_jacket/shell,trench | rain_jacket/packable,parka | leash
what to wear at minus ten | rain_jacket/parka | sweater +warm | work_gloves +warm
cozy top that doesn't scratch | sweater +soft | sweater | socks/house
my toes are always cold at home | socks/house | blanket/electric; socks/hiking | 
legs swell on long flights | socks/compression | socks/dress | pillow/travel
keep my face and neck out of the sun on a trail | sun_hat/hiking | sun_hat/straw,bucket | sunscreen
I stayed too long at the beach and my shoulders are red | sunscreen/after | moisturizer/body | sun_hat
protect toddler skin in the pool | sunscreen/kids | sunscreen/body,face | sun_hat/kids
chapped knuckles from the cold | moisturizer/hand | moisturizer/body | work_gloves
fewer wrinkles in the morning | moisturizer/night | moisturizer/day | pillow
nothing scented, my face reacts to everything | moisturizer/day,night +fragrance; sunscreen/face +sensitive | moisturizer +fragrance; sunscreen +sensitive | 
make my locks smooth and less frizzy | hair_dryer/straightener; hair_dryer +ionic | hair_dryer/dryer | 
teach my daughter programming | blocks/robot | blocks/magnet,marble | 
activity for the whole family where nobody loses | board_game/coop | board_game/family,card | 
something to do alone at the table on winter evenings | board_game/puzzle; board_game +solo | board_game/strategy | 
soothe a child's tummy ache | plush/heat | plush/classic | 
keep tomatoes alive while I am on holiday | hose/drip; planter +selfwater | hose/sprinkler | planter/raised
grow salad without bending down | planter/raised | planter/window | pruner/trowel
cut high branches without climbing | pruner/lopper | pruner/secateurs | work_gloves/garden
get rid of unwanted plants without kneeling | pruner/weeder | pruner/trowel | work_gloves/garden
my old dog has sore hips | dog_bed/ortho | dog_bed/donut,raised | leash/harness
puppy frightened by thunder | dog_bed/donut | dog_bed/ortho,travel | plush
stop kitty from destroying the sofa | scratcher/post,lounge | scratcher/tree | pet_bowl
tugging all the time on walks | leash/harness | leash/leash | dog_bed
he gulps his kibble far too fast | pet_bowl/slow | pet_bowl/auto | dog_bed
breakfast for the cat when I am away | pet_bowl/auto | pet_bowl/slow | scratcher
get strong at home in a tiny flat | dumbbell/adjust,band | dumbbell/fixed,kettlebell | yoga_mat
my hands slide in sweaty stretching classes | yoga_mat/cork; yoga_mat +grip | yoga_mat | water_bottle
drink safely from a river | water_bottle/filter | water_bottle/steel,sport | backpack/hiking
remind me to drink more | water_bottle/big | water_bottle/steel,sport | 
be noticed by cars when cycling in the dark | bike_light/lights; bike_light +visible | backpack +reflective; rain_jacket +reflective | bike_light/lock
prevent my ride from being stolen in the city | bike_light/lock | | bike_light/lights
be sure that my newborn is still breathing | baby_monitor/breath | baby_monitor/video,audio | plush/comfort
go running with the baby in the woods | baby_carrier/jogger | baby_carrier/stroller | water_bottle/sport
hold an infant close and keep both hands free | baby_carrier/carrier,wrap | | baby_carrier/bag
put up shelves on a concrete wall | drill/hammer | drill/cordless | drill_bits/masonry
put together flat-pack furniture | drill/screwdriver | drill/cordless; toolbox/set | drill_bits/driver
take old varnish off a chair | drill/sander | | work_gloves/goggles
hang frames perfectly straight | toolbox/measure | toolbox/set | drill
birthday present for someone who is always freezing | blanket/electric,throw; socks/house | sweater +warm; blanket/weighted; plush/heat | flask
vacuum flask | flask/classic | flask/commuter,food,jug | coffee
navy backpack | backpack =navy | backpack | 
wireless earbuds | headphones/buds | headphones/over,sport | 
cat tree | scratcher/tree | scratcher/post,window,lounge | 
office chair | office_chair/ergo,gaming,exec | office_chair/stool | lamp/desk
printer paper | paper/copy,photo | paper/card,labels | printer
family tent | tent/family | tent/popup,backpacking | sleeping_bag
espresso machine | coffee_maker/espresso | coffee_maker/moka | coffee/dark
merino socks | socks +merino | socks | 
quiet kettle | kettle +quiet | kettle | 
black desk lamp | lamp/desk =black | lamp/desk | 
waterproof bluetooth speaker | speaker/portable +waterproof | speaker/portable | 
"""


class Want:
    """A condition on what an item is."""

    def __init__(self, text):
        head, *rest = text.split(" ", 1)
        self.type, _, kinds = head.partition("/")
        self.kinds = tuple(kinds.split(",")) if kinds else ()
        self.features, self.colors = (), ()
        for token in rest[0].split() if rest else ():
            if token.startswith("+"):
                self.features += (token[1:],)
            else:
                self.colors = tuple(token[1:].split(","))

    def accepts(self, item):
        """Whether the item is what is wanted."""
        has = [feature.key for feature in item.features]
        return (
            item.type.key == self.type
            and (not self.kinds or item.kind.key in self.kinds)
            and all(feature in has for feature in self.features)
            and (not self.colors or item.record["color"] in self.colors)
        )


def parse_queries(table=QUERIES):
    """The table above as (query, exact, substitute, complement), the last three tuples of wants."""
    rows = []
    for line in table.strip().splitlines():
        query, *cells = (cell.strip() for cell in line.split("|"))
        rows.append((query, *(tuple(Want(one.strip()) for one in cell.split(";") if one.strip()) for cell in cells)))
    return rows


def make_judgments(seed, items):
    """One object per query: its text and the labels of all answers and of a sample of everything else."""
    return [
        {"query": query, "labels": _labels(Chance(seed, "labels of " + query), items, exact, substitute, complement)}
        for query, exact, substitute, complement in parse_queries()
    ]


def _labels(chance, items, exact, substitute, complement):
    labels = {}
    for label, wants in (("exact", exact), ("substitute", substitute)):
        for item in items:
            if item.id not in labels and any(want.accepts(item) for want in wants):
                labels[item.id] = label
    departments = {item.department.name for item in items if labels.get(item.id) == "exact"}
    rest = chance.shuffled([item for item in items if item.id not in labels])
    along = [item for item in rest if any(want.accepts(item) for want in complement)]
    others = [item for item in rest if not any(want.accepts(item) for want in complement)]
    near = [item for item in others if item.department.name in departments]
    far = [item for item in others if item.department.name not in departments]
    labels.update((item.id, "complement") for item in along[:COMPLEMENTS_SHOWN])
    labels.update((item.id, "irrelevant") for item in near[:OTHERS_SAME_DEPARTMENT] + far[:OTHERS_ELSEWHERE])
    return dict(sorted(labels.items()))
